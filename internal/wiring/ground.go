package wiring

import (
	"context"
	"os"
	"path/filepath"

	"offshoot/internal/datastore"
	"offshoot/internal/datastore/postgres"
	"offshoot/internal/datastore/redis"
	"offshoot/internal/datastore/volume"
	"offshoot/internal/engine"
	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/reconcile"
	"offshoot/internal/seal"
	"offshoot/internal/staging"
)

// The names of the platforms.
const (
	onProcesses = "process"
	onDocker    = "docker"
)

// grounds are the platforms, with who owns data on each. No engine need answer:
// what is on it is unknown until one does.
func (s *server) grounds(c ServerConfig, key *seal.Key) (map[string]reconcile.Ground, error) {
	holder, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d, err := docker.New(docker.Config{Dir: c.Dir, Host: c.DockerHost, Log: c.Log, Holder: holder})
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

// suits is where a revision can run whole.
func (s *server) suits(context.Context, staging.Project, string) (string, error) {
	return onProcesses, nil
}
