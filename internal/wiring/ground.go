package wiring

import (
	"cmp"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"offshoot/internal/datastore"
	"offshoot/internal/datastore/postgres"
	"offshoot/internal/datastore/redis"
	"offshoot/internal/datastore/volume"
	"offshoot/internal/engine"
	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/reconcile"
	"offshoot/internal/seal"
	"offshoot/internal/source"
	"offshoot/internal/staging"
)

// The names of the platforms.
const (
	onProcesses = "process"
	onDocker    = "docker"
)

// behindTLS are the ports by which environments find themselves and each other where
// something before the edge speaks TLS: it may be on this host.
func behindTLS(pattern string) []uint16 {
	u, err := url.Parse(strings.ReplaceAll(pattern, "{host}", "host"))
	if err != nil || u.Scheme != "https" {
		return nil
	}
	n, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	if err != nil {
		return nil
	}
	return []uint16{uint16(n)}
}

// grounds are the platforms, with who owns data on each. No engine need answer:
// what is on it is unknown until one does.
func (s *server) grounds(c ServerConfig, key *seal.Key) (map[string]reconcile.Ground, error) {
	holder, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d, err := docker.New(docker.Config{Dir: c.Dir, Host: c.DockerHost, Log: c.Log, Holder: holder, Builder: s.builder(c.Dir), Open: behindTLS(c.PublicURL)})
	if err != nil {
		return nil, err
	}
	s.docker = d
	images := engine.NewImages(d.Program, d.ImageID)
	golden := filepath.Join(c.Dir, "golden")
	clusters := postgres.Config{Golden: golden, Empty: filepath.Join(golden, "empty"), Engines: s.runtime, Key: key.Derive("postgres"),
		Room: func() bool { return disk(c.Dir).Scarce() == "" }}
	contained := clusters
	contained.Engines, contained.Program, contained.User = images, d.Program, docker.DataUser
	s.clusters = []*postgres.Driver{postgres.New(clusters), postgres.New(contained)}
	return map[string]reconcile.Ground{
		onProcesses: {Platform: s.processes, Data: map[string]datastore.Driver{"volume": volume.New(), "redis": redis.New(s.runtime), "postgres": s.clusters[0]}},
		onDocker:    {Platform: d, Data: map[string]datastore.Driver{"volume": volume.New(), "redis": redis.New(images), "postgres": s.clusters[1]}},
	}, nil
}

func platforms(grounds map[string]reconcile.Ground) map[string]platform.Driver {
	all := map[string]platform.Driver{}
	for name, g := range grounds {
		all[name] = g.Platform
	}
	return all
}

// engineAnswers looks for the engine that a server would use.
func engineAnswers(ctx context.Context) error {
	return docker.Answers(ctx, os.Getenv("DOCKER_HOST"))
}

// suits is where a revision can run whole: on Docker where an engine answers and
// something of the stack has no way to run as a process.
func (s *server) suits(dir string, mirrors *source.Mirrors) func(context.Context, staging.Project, string) (string, error) {
	return func(ctx context.Context, p staging.Project, sha string) (string, error) {
		if s.docker.Answers(ctx) != nil {
			return onProcesses, nil
		}
		as := staging.Environment{Project: p.Name, Branch: p.StagingBranch, Kind: staging.KindShared, Platform: onProcesses}
		_, refused, err := s.look(ctx, dir, mirrors, p, as, sha)
		if staging.CodeOf(refused) == staging.ClassCode(staging.ClassPlatform) {
			return onDocker, err
		}
		return onProcesses, err // what else is wrong its deployment says
	}
}

// stack is what a revision says, before anything is deployed of it.
func (s *server) stack(dir string, mirrors *source.Mirrors) func(context.Context, staging.Project, staging.Environment, string) (*staging.Stack, error) {
	return func(ctx context.Context, p staging.Project, as staging.Environment, sha string) (*staging.Stack, error) {
		stack, refused, err := s.look(ctx, dir, mirrors, p, as, sha)
		if refused != nil {
			return nil, err
		}
		return stack, err
	}
}

// looks is where revisions lie that are only looked at; what a server that was
// killed left there goes when the next begins.
const looks = "look"

// look reads a revision in a checkout of its own, and what it is refused for.
func (s *server) look(ctx context.Context, dir string, mirrors *source.Mirrors, p staging.Project, as staging.Environment, sha string) (stack *staging.Stack, refused, err error) {
	if err := os.MkdirAll(filepath.Join(dir, looks), 0o700); err != nil {
		return nil, nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Join(dir, looks), "")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	files := filepath.Join(tmp, "files")
	if err := mirrors.Checkout(ctx, p.Name, sha, files); err != nil {
		return nil, nil, err
	}
	stack, _, refused = s.read(mirrors)(ctx, files, p, as, sha)
	return stack, refused, nil
}
