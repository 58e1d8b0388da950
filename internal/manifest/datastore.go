package manifest

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// datastoreImages are the last element of well-known images' names.
var datastoreImages = map[string]string{
	"postgres": "postgres", "postgresql": "postgres", "postgis": "postgres", "pgvector": "postgres", "timescaledb": "postgres",
	"redis": "redis", "valkey": "redis", "redis-stack": "redis", "redis-stack-server": "redis", "keydb": "redis", "solr": "solr",
}

var imageMajor = regexp.MustCompile(`^(?:pg|v)?(\d+)`)

// datastoreKind is the kind of data server that an image is.
func datastoreKind(image string) (string, bool) {
	name, _, _ := strings.Cut(path.Base(image), ":")
	name, _, _ = strings.Cut(name, "@")
	kind, ok := datastoreImages[name]
	return kind, ok
}

func (r *reader) datastore(s types.ServiceConfig, kind string) {
	env := r.environment(s)
	d := staging.Datastore{Name: s.Name, Kind: kind, Image: s.Image, Args: s.Command, Cores: nil,
		Limits: staging.Limits{CPUs: float64(s.CPUS), Memory: int64(s.MemLimit)}}
	d.File, d.Line = r.where("services." + s.Name)
	if _, tag, ok := strings.Cut(path.Base(s.Image), ":"); ok {
		if m := imageMajor.FindStringSubmatch(tag); m != nil {
			d.Version = m[1]
		}
	}
	switch kind {
	case "postgres":
		d.Port = 5432
		d.User = first(env, "POSTGRES_USER", "POSTGRESQL_USERNAME", "POSTGRESQL_USER")
		if d.User == "" {
			d.User = "postgres"
		}
		d.Database = first(env, "POSTGRES_DB", "POSTGRESQL_DATABASE")
		if d.Database == "" {
			d.Database = d.User
		}
		d.Password = first(env, "POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
	case "redis":
		d.Port = 6379
		d.Password = first(env, "REDIS_PASSWORD", "VALKEY_PASSWORD")
		if i := slices.Index(d.Args, "--requirepass"); i >= 0 && i+1 < len(d.Args) {
			d.Password = d.Args[i+1]
			d.Args = slices.Delete(slices.Clone(d.Args), i, i+2)
		}
	case "solr":
		r.note(staging.NoteRefused, d.File, d.Line, "services."+s.Name+".image", "Solr is not in this build", "leave it out in "+overlayName+" until it is")
		return
	}
	d.PasswordDeclared = d.Password != ""
	r.stack.Datastores = append(r.stack.Datastores, d)
}

func first(env map[string]string, keys ...string) string {
	for _, k := range keys {
		if env[k] != "" {
			return env[k]
		}
	}
	return ""
}
