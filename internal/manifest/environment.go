package manifest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

const missingEnvHint = "the project's variables answer it: offshoot project secret import FILE"

// values are what ${NAME} may stand for: the revision's .env, and over it the
// project's variables.
func (r *reader) values(dir string) map[string]string {
	values := map[string]string{}
	for _, file := range []string{path.Join(dir, ".env"), ".env"} {
		if _, err := r.root.Lstat(file); err == nil && !r.ignoredByGit(file) {
			r.addEnv(values, file)
			break
		}
	}
	maps.Copy(values, r.o.Variables)
	if _, ok := values["PWD"]; !ok {
		values["PWD"] = path.Join(pwd, dir)
	}
	return values
}

// pwd stands for the folder of the checkout: Compose's users run it where the
// file is, and write ${PWD} for that, inside the container too.
const pwd = "/checkout"

// addEnv adds the lines of an env file that values lacks.
func (r *reader) addEnv(values map[string]string, file string) {
	for k, v := range r.envFile(file, values) {
		if _, ok := values[k]; !ok {
			values[k] = v
		}
	}
}

// envFile reads KEY=value lines as Compose does; ${NAME} is looked up in them
// and in values.
func (r *reader) envFile(file string, values map[string]string) map[string]string {
	text, err := r.readFile(file)
	if err != nil {
		r.note(staging.NoteRefused, file, 0, "", unreadable(file, err), "keep it inside the repository, as text")
		return nil
	}
	parsed, err := dotenv.ParseWithLookup(bytes.NewReader(text), func(name string) (string, bool) { return r.lookup(values, name) })
	if err != nil {
		r.note(staging.NoteRefused, file, lineOf(err), "", "it cannot be read as lines of KEY=value", "write lines of KEY=value")
		return nil
	}
	return parsed
}

// rawFile reads KEY=value lines that say what they say: nothing is quoted or put in.
// A line of a name alone takes what ${NAME} would stand for.
func (r *reader) rawFile(file string, values map[string]string) map[string]string {
	text, err := r.readFile(file)
	if err != nil {
		r.note(staging.NoteRefused, file, 0, "", unreadable(file, err), "keep it inside the repository, as text")
		return nil
	}
	read := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		name, value, given := strings.Cut(line, "=")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if !given {
			if value, given = r.lookup(values, name); !given {
				continue
			}
		}
		read[name] = value
	}
	return read
}

// whereSet is the file and line that give a service a variable: its
// environment, or else the env file that names it.
func (r *reader) whereSet(service, key string) (file string, line int) {
	at := []string{"services", service, "environment", key}
	if r.written(at) {
		return r.where(at)
	}
	name, ok := r.envFileOf[service][key]
	if !ok {
		file, line, _ = r.item(at[:3], key+"=")
		return file, line
	}
	text, err := r.readFile(name)
	if err != nil {
		return name, 0
	}
	names := regexp.MustCompile(`^\s*(?:export\s+)?` + regexp.QuoteMeta(key) + `\s*[=:]`)
	for n, l := range strings.Split(string(text), "\n") {
		if names.MatchString(l) {
			line = n + 1 // the last one counts
		}
	}
	return name, line
}

// lookup answers ${NAME}. What is secret, or known only when a service starts,
// is answered with a late value.
func (r *reader) lookup(values map[string]string, name string) (string, bool) {
	if r.secret[name] {
		return staging.Late(name), true
	}
	if v, ok := values[name]; ok && (!r.forShell[name] || !strings.HasPrefix(v, pwd)) {
		return v, true
	}
	if (ours(name) || usual[name] != "" || r.storeURLs[name]) && !r.defaulted[name] {
		return staging.Late(name), true
	}
	if r.demanded[name] {
		return name, true // refused by now; let the rest be read
	}
	if r.forShell[name] && !r.defaulted[name] {
		return staging.Late(name), true
	}
	return "", false
}

// ours is whether Offshoot gives every service such a variable.
func ours(name string) bool {
	return name == "PORT" || name == "OFFSHOOT" || strings.HasPrefix(name, "OFFSHOOT_") || name == "BRANCH_NAME" || name == "GIT_COMMIT"
}

// usual are the variables that the first datastore of a kind gives everything
// else in the stack.
var usual = map[string]string{
	"DATABASE_URL": "postgres", "PGHOST": "postgres", "PGPORT": "postgres", "PGUSER": "postgres", "PGPASSWORD": "postgres", "PGDATABASE": "postgres",
	"REDIS_URL": "redis", "SOLR_URL": "solr",
}

// given is whether a datastore of the stack gives such a variable, or to a
// command that is not Compose's a service.
func (r *reader) given(name string) bool {
	if r.forShell[name] && slices.ContainsFunc(r.stack.Services, func(s staging.Service) bool { _, ok := s.Environment[name]; return ok }) {
		return true
	}
	return slices.ContainsFunc(r.stack.Datastores, func(d staging.Datastore) bool {
		return d.Kind == usual[name] || name == staging.Upper(d.Name)+"_URL"
	})
}

// stores remembers the variables that the datastores of a document give by
// name, before anything is put in for what the documents mention.
func (r *reader) stores(d *document) {
	services, _ := find(d.root, []string{"services"}, 0)
	for _, name := range keysOf(services, 0) {
		image, _ := find(services, []string{name, "image"}, 0)
		if _, ok := datastoreKind(scalar(image)); ok {
			r.storeURLs[staging.Upper(name)+"_URL"] = true
		}
	}
}

// mentioned remembers which variables of a document nobody gives a value.
func (r *reader) mentioned(d *document, values map[string]string) {
	r.stores(d)
	type unset struct {
		name string
		line int
	}
	var list []unset
	d.scalars(func(text string, line int, shell bool) {
		for _, v := range mentions(text) {
			_, known := values[v.Name]
			first, ok := r.forShell[v.Name]
			r.forShell[v.Name] = shell && (first || !ok)
			switch {
			case known || r.secret[v.Name] || v.Name == "":
			case v.Required:
				r.demanded[v.Name] = true
				list = append(list, unset{v.Name, line})
			case strings.Contains(text, "${"+v.Name+"-") || strings.Contains(text, "${"+v.Name+":-"):
				r.defaulted[v.Name] = true
			case strings.Contains(text, "${"+v.Name+"+") || strings.Contains(text, "${"+v.Name+":+"):
				r.forShell[v.Name] = false
			case ours(v.Name) || shell && assigns(text, v.Name):
			default:
				r.unset[v.Name] = true
			}
		}
	})
	for _, u := range list {
		r.unset[u.name] = true
		r.note(staging.NoteRefused, d.file, u.line, u.name, "the file demands a value for "+u.name+", and there is none",
			"offshoot project env set "+u.name+"=VALUE, or: offshoot project secret set "+u.name)
	}
}

// assigns is whether a command gives a variable its value itself.
func assigns(command, name string) bool {
	name = regexp.QuoteMeta(name)
	return regexp.MustCompile(`\b` + name + `=|\bfor\s+` + name + `\s+in\b|\bread\s[^;|&]*\b` + name + `\b`).MatchString(command)
}

// environment is env_file under environment; a name without a value takes what
// ${NAME} would stand for.
func (r *reader) environment(s types.ServiceConfig) map[string]string {
	env, from := map[string]string{}, map[string]string{}
	for _, f := range s.EnvFiles {
		at := []string{"services", s.Name, "env_file"}
		file, ok := r.relative(f.Path)
		_, line, written := r.item(at, path.Base(f.Path))
		source, _ := r.where(at)
		_, err := r.root.Stat(file)
		switch {
		case !ok || escapes(err):
			r.note(staging.NoteRefused, source, line, strings.Join(at, "."), "env_file "+written+" leads outside the repository",
				"keep it inside, or use `offshoot project secret import FILE`")
		case r.exists(file):
			read := r.envFile
			switch f.Format {
			case "", ".env":
			case "raw":
				read = r.rawFile
			default:
				r.note(staging.NoteRefused, source, line, strings.Join(at, "."), "env_file has no format "+strconv.Quote(f.Format), "raw, or none")
			}
			for k, v := range read(file, r.environ) {
				env[k], from[k] = v, file
			}
		case bool(f.Required):
			r.note(staging.NoteMissing, source, line, strings.Join(at, "."), "env_file "+file+" is not in the repository", missingEnvHint)
			r.missing = append(r.missing, file)
		}
	}
	r.envFileOf[s.Name] = from
	for k, v := range s.Environment {
		delete(from, k)
		if v != nil {
			env[k] = *v
		} else if value, ok := r.lookup(r.environ, k); ok {
			env[k] = value
		} else {
			r.unset[k] = true
		}
	}
	return env
}

// exampleKeys are the variables of an example beside a missing env file: what
// the service probably needs.
func (r *reader) exampleKeys(file string) []string {
	for _, suffix := range []string{".example", ".sample", ".dist", ".template"} {
		if r.exists(file + suffix) {
			return slices.Sorted(maps.Keys(r.envFile(file+suffix, r.environ)))
		}
	}
	return nil
}

// answered lists as unset what an example of a missing env file names and
// nobody gives.
func (r *reader) answered() {
	for _, file := range r.missing {
		for _, key := range r.exampleKeys(file) {
			_, known := r.environ[key]
			given := slices.ContainsFunc(r.stack.Services, func(s staging.Service) bool { _, ok := s.Environment[key]; return ok })
			if !known && !r.secret[key] && !given && !ours(key) {
				r.unset[key] = true
			}
		}
	}
}

// fileOf is the content of a secret or config that is given by value or
// variable; ok is whether it is.
func (r *reader) fileOf(c types.FileObjectConfig) (content string, ok bool) {
	switch {
	case c.Content != "":
		return c.Content, true
	case c.Environment != "":
		value, known := r.lookup(r.environ, c.Environment)
		if !known {
			r.unset[c.Environment] = true
		}
		return value, true
	}
	return "", false
}

// files are the secrets and configs of a service: a file of the checkout is
// mounted, a value written.
func (r *reader) files(p *types.Project, s types.ServiceConfig, v *staging.Service) {
	for _, x := range s.Secrets {
		c, ok := p.Secrets[x.Source]
		r.file(v, "secrets", x.Source, secretTarget(x), types.FileObjectConfig(c), ok)
	}
	for _, x := range s.Configs {
		c, ok := p.Configs[x.Source]
		r.file(v, "configs", x.Source, configTarget(x), types.FileObjectConfig(c), ok)
	}
}

func secretTarget(x types.ServiceSecretConfig) string {
	target := cmp.Or(x.Target, x.Source)
	if !path.IsAbs(target) {
		target = "/run/secrets/" + target
	}
	return path.Clean(target)
}

func configTarget(x types.ServiceConfigObjConfig) string {
	return path.Clean("/" + cmp.Or(x.Target, x.Source))
}

func (r *reader) file(v *staging.Service, kind, name, target string, c types.FileObjectConfig, declared bool) {
	at := []string{"services", v.Name, kind}
	if !declared {
		r.refuse(at, "there is no "+strings.TrimSuffix(kind, "s")+" "+name, "declare it under "+kind)
		return
	}
	if _, why := r.way.mount(r, v, staging.Mount{Kind: staging.MountTmpfs, Target: target}); why != "" {
		r.refuse(at, "the file "+name+" is to lie at "+target+": "+why, "give it a target in the checkout or below /run")
		return
	}
	if v.Files == nil {
		v.Files = map[string]string{}
	}
	if owner := r.passwordFiles[name]; kind == "secrets" && owner != "" {
		v.Files[target] = staging.LatePassword(owner)
		return
	}
	if content, ok := r.fileOf(c); ok {
		v.Files[target] = content
		return
	}
	file, ok := r.relative(c.File)
	switch {
	case !ok:
		r.refuse([]string{kind, name, "file"}, "the file leads outside the repository", "keep it inside, or use `offshoot project secret set KEY --file "+target+"`")
	case r.exists(file):
		v.Mounts = append(v.Mounts, staging.Mount{Kind: staging.MountCheckout, Source: file, Target: target, ReadOnly: true})
	default:
		f, line := r.where([]string{kind, name, "file"})
		r.note(staging.NoteMissing, f, line, fmt.Sprintf("%s.%s.file", kind, name), file+" is not in the repository",
			"give it: offshoot project secret set KEY --file "+target)
	}
}
