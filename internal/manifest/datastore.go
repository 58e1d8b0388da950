package manifest

import (
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/mattn/go-shellwords"

	"offshoot/internal/staging"
)

// datastoreImages are the last element of well-known images' names.
var datastoreImages = map[string]string{
	"postgres": "postgres", "postgresql": "postgres", "postgis": "postgres", "pgvector": "postgres", "timescaledb": "postgres",
	"timescaledb-ha": "postgres", "redis": "redis", "valkey": "redis", "redis-stack": "redis", "redis-stack-server": "redis", "redismod": "redis", "keydb": "redis",
	"dragonfly": "redis", "solr": "solr",
}

// imageMajor is the major version in a tag: 15-alpine, v7, pg16, 2.11-pg15.
var imageMajor = regexp.MustCompile(`(?:^|-)pg(\d+)|^v?(\d+)`)

// datastoreKind is the kind of data server that an image is.
func datastoreKind(image string) (string, bool) {
	kind, ok := datastoreImages[imageName(image)]
	return kind, ok
}

// imageName is the last element of an image's name.
func imageName(image string) string {
	name, _, _ := strings.Cut(path.Base(image), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

func imageVersion(image string) string {
	base, _, _ := strings.Cut(path.Base(image), "@")
	name, tag, _ := strings.Cut(base, ":")
	version := ""
	for _, m := range imageMajor.FindAllStringSubmatch(tag, -1) {
		if m[1] != "" {
			return m[1]
		}
		version = m[2]
	}
	// A relative's tag is a version of its own, but for what says pgNN.
	if slices.Contains([]string{"postgres", "postgresql", "postgis", "redis", "valkey"}, name) {
		return version
	}
	return ""
}

// datastores takes the services that are data servers.
func (r *reader) datastores(p *types.Project) {
	r.passwordFiles = map[string]string{}
	for _, name := range slices.SortedFunc(maps.Keys(p.Services), r.inOrder) {
		s := p.Services[name]
		kind, ok := datastoreKind(s.Image)
		switch {
		case !ok || s.Build != nil || kind == "solr":
			// Solr is no datastore yet: a service where images run.
		default:
			d := r.datastore(p, s, kind)
			r.stack.Datastores = append(r.stack.Datastores, d)
			r.beginnings = append(r.beginnings, beginning{d, s})
		}
	}
}

func (r *reader) datastore(p *types.Project, s types.ServiceConfig, kind string) staging.Datastore {
	env := r.environment(s)
	d := staging.Datastore{Name: s.Name, Kind: kind, Image: s.Image, Version: imageVersion(s.Image), Args: s.Command, Aliases: aliases(p, s),
		Limits: staging.Limits{CPUs: float64(s.CPUS), Memory: int64(s.MemLimit)}}
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		d.Limits = staging.Limits{CPUs: float64(s.Deploy.Resources.Limits.NanoCPUs), Memory: int64(s.Deploy.Resources.Limits.MemoryBytes)}
	}
	d.File, d.Line = r.where([]string{"services", s.Name})
	r.published(s, "use `offshoot tunnel`")
	r.dataMounts(s)
	switch kind {
	case "postgres":
		d.Port = 5432
		if d.User = first(env, "POSTGRES_USER", "POSTGRESQL_USERNAME", "POSTGRESQL_USER"); d.User == "" {
			d.User = "postgres"
		}
		if d.Database = first(env, "POSTGRES_DB", "POSTGRESQL_DATABASE"); d.Database == "" {
			d.Database = d.User
		}
		if staging.HasLate(d.User + d.Database) {
			r.refuse([]string{"services", s.Name, "environment"}, "user and database of "+s.Name+" cannot be a secret's value", "write them down, or use `offshoot project env set`")
		}
		d.Password = first(env, "POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
		r.passwordFile(s, env["POSTGRES_PASSWORD_FILE"])
	case "redis":
		d.Port = 6379
		d.Password = first(env, "REDIS_PASSWORD", "VALKEY_PASSWORD")
		d.Args, d.Password = withoutPassword(spelt(d.Args, env), d.Password)
	}
	return d
}

// passwordFile remembers the secret that holds the password: services that
// mount it read the environment's own.
func (r *reader) passwordFile(s types.ServiceConfig, file string) {
	for _, x := range s.Secrets {
		if file != "" && (x.Source == path.Base(file) || x.Target != "" && path.Base(x.Target) == path.Base(file)) {
			r.passwordFiles[x.Source] = s.Name
		}
	}
}

// spelt is a server's command without the shell that it is written for.
func spelt(args []string, env map[string]string) []string {
	if len(args) != 3 || args[1] != "-c" || !strings.HasSuffix(args[0], "sh") {
		return args
	}
	words, err := shellwords.Parse(os.Expand(args[2], func(name string) string { return env[name] }))
	if err != nil {
		return args
	}
	return words
}

// withoutPassword takes --requirepass from a Redis server's arguments.
func withoutPassword(args []string, password string) (rest []string, found string) {
	found = password
	for i := 0; i < len(args); i++ {
		value, joined := strings.CutPrefix(args[i], "--requirepass=")
		switch {
		case joined:
			found = value
		case args[i] == "--requirepass" && i+1 < len(args):
			i++
			found = args[i]
		default:
			rest = append(rest, args[i])
		}
	}
	return rest, found
}

func first(env map[string]string, keys ...string) string {
	for _, k := range keys {
		if env[k] != "" {
			return env[k]
		}
	}
	return ""
}
