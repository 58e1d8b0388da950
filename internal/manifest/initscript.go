package manifest

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// initFolder is where images of databases look for what to run on empty data.
const initFolder = "/docker-entrypoint-initdb.d"

// runInitScripts runs what lies there as an image's own entrypoint does: by name,
// shell scripts that may not be run by reading them, with what those use of it.
const runInitScripts = `set -e
psql=(psql -v ON_ERROR_STOP=1 --no-psqlrc)
docker_process_sql() { "${psql[@]}" "$@"; }
for file in ` + initFolder + `/*; do
  case $file in
  *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
  *.sql) docker_process_sql -f "$file" ;;
  *.sql.gz) gunzip -c "$file" | docker_process_sql ;;
  *.sql.xz) xzcat "$file" | docker_process_sql ;;
  *.sql.zst) zstd -dc "$file" | docker_process_sql ;;
  esac
done`

// beginning is a data server's service, whose scripts run where it begins empty.
type beginning struct {
	store   staging.Datastore
	service types.ServiceConfig
}

// initScripts makes a task of what an image of Postgres would run on empty data:
// its own scripts, and those that the stack mounts beside them. Plain Postgres
// has none of its own.
func (r *reader) initScripts() {
	for _, b := range r.beginnings {
		s := b.service
		s.Tmpfs, s.Volumes = nil, slices.DeleteFunc(slices.Clone(s.Volumes), func(m types.ServiceVolumeConfig) bool {
			source, inside := r.relative(m.Source)
			return m.Type != types.VolumeTypeBind || !isInit(m.Target) || !inside || !r.tracked(source)
		})
		if b.store.Kind != "postgres" || len(s.Volumes) == 0 && imageName(s.Image) == "postgres" {
			continue
		}
		env := r.environment(s)
		maps.Copy(env, map[string]string{"PGHOST": s.Name, "PGUSER": b.store.User, "PGDATABASE": b.store.Database, "POSTGRES_USER": b.store.User, "POSTGRES_DB": b.store.Database})
		if b.store.Password != "" {
			env["PGPASSWORD"] = b.store.Password
		}
		v := staging.Service{Name: s.Name + ".init", Image: s.Image, Replicas: 1, Environment: env, File: b.store.File, Line: b.store.Line,
			Container: staging.Container{Entrypoint: []string{"bash", "-c", runInitScripts}}}
		r.mounts(s, serviceExtension{}, nil, &v)
		r.stack.OneShots = append(r.stack.OneShots, v)
		r.stack.Init = append(r.stack.Init, staging.Task{Name: v.Name, Service: v.Name, Command: staging.Command{Args: []string{initFolder + "/*"}}})
	}
}

func isInit(target string) bool {
	_, ok := under(path.Clean(target), initFolder)
	return ok
}

// noInitScripts says that such scripts are left out, where servers are of a host.
func (r *reader) noInitScripts() {
	for _, b := range r.beginnings {
		at := []string{"services", b.store.Name, "volumes"}
		for i, m := range b.service.Volumes {
			if source, inside := r.relative(m.Source); inside && m.Type == types.VolumeTypeBind && isInit(m.Target) {
				file, line, _ := r.item(at, m.Target)
				r.note(staging.NoteIgnored, file, line, strings.Join(append(slices.Clone(at), strconv.Itoa(i)), "."), source+" is not run where "+b.store.Name+" begins empty",
					"let x-offshoot.release do it, such as `psql $"+staging.Upper(b.store.Name)+"_URL -f FILE`")
			}
		}
	}
}

// ends says of which services an end with 0 is for good: of those that nobody
// asks and whose end Compose lets be.
func (r *reader) ends() {
	for i := range r.stack.Services {
		v := &r.stack.Services[i]
		v.Once = v.Once && len(v.Ports) == 0 && v.Health.Test.Empty() && v.Health.Path == ""
	}
}
