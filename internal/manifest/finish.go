package manifest

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"time"

	"offshoot/internal/staging"
)

// extend adds what x-offshoot says of the whole stack.
func (r *reader) extend(x stackExtension, file string) {
	s := r.stack
	s.Primary, s.Migrations, s.Lite = x.Primary, x.Migrations, x.Lite
	if x.Release != nil {
		s.Release = append(s.Release, x.Release.stage("release"))
	}
	if x.Seed != nil {
		t := x.Seed.stage("seed")
		s.Seed = &t
	}
	if x.Layer != nil {
		t := x.Layer.stage("layer")
		s.Layer = &t
	}
	s.Sleep = staging.Sleep{After: max(0, time.Duration(x.Sleep)), Never: x.Sleep < 0}
	for _, name := range slices.Sorted(maps.Keys(x.Links)) {
		l := x.Links[name]
		if l.Variable == "" || (l.Project == "") == (l.URL == "") {
			r.refuse(file, "x-offshoot.links."+name, "a link needs a variable, and either a project or a url", "write {project: NAME, variable: NAME_URL}")
		}
		s.Links = append(s.Links, staging.Link{Name: name, Project: l.Project, Variable: l.Variable, MatchBranch: l.Match == "branch", URL: l.URL})
	}
	if len(x.Sizes) > 0 {
		s.Sizes = map[string]map[string]staging.Size{}
	}
	for size, services := range x.Sizes {
		s.Sizes[size] = map[string]staging.Size{}
		for name, v := range services {
			s.Sizes[size][name] = staging.Size{Replicas: v.Replicas, CPUs: float64(v.CPUs), Memory: int64(v.Memory)}
		}
	}
	s.Hooks = staging.Hooks{AfterCreate: plainCommands(x.Hooks.AfterCreate), AfterDeploy: plainCommands(x.Hooks.AfterDeploy),
		BeforeDestroy: plainCommands(x.Hooks.BeforeDestroy)}
}

func plainCommands(list commands) []staging.Command {
	var plain []staging.Command
	for _, c := range list {
		plain = append(plain, staging.Command(c))
	}
	return plain
}

var serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// finish completes the stack and refuses what cannot run.
func (r *reader) finish() {
	s := r.stack
	services := s.Services[:0:0]
	for _, v := range s.Services {
		key := "services." + v.Name
		if !serviceName.MatchString(v.Name) {
			r.note(staging.NoteRefused, v.File, v.Line, key, "the service's name has other characters than letters, digits, dot, dash and underscore", "rename it")
		}
		if v.Command.Empty() {
			r.note(staging.NoteRefused, v.File, v.Line, key, "service "+v.Name+" has no way to run as a process: it is an image without a command of yours",
				"give it x-offshoot.process.command, or use the docker platform")
		}
		if v.Schedule != neverScheduled {
			services = append(services, v)
		}
	}
	r.recognise()
	s.Services = services
	for i := range s.Release {
		if s.Release[i].Service == "" {
			s.Release[i].Service = r.taskService()
		}
	}
	for _, t := range []*staging.Task{s.Seed, s.Layer} {
		if t != nil && t.Service == "" {
			t.Service = r.taskService()
		}
	}
	r.dependencies()
	r.primary()
	if len(s.Migrations) == 0 {
		for _, p := range []string{"db/migrate", "migrations", "prisma/migrations", "db/migrations", "alembic/versions"} {
			if _, err := r.root.Stat(p); err == nil {
				s.Migrations = append(s.Migrations, p)
			}
		}
	}
}

// recognise adds build steps by what lies in the folders of services that
// declare none.
func (r *reader) recognise() {
	declared := map[string]bool{}
	for _, b := range r.stack.Build {
		declared[b.Name] = true
	}
	seen := map[string]bool{}
	for _, v := range r.stack.Services {
		dir := "."
		if v.ImageBuild != nil {
			dir = path.Clean(cmp.Or(v.ImageBuild.Context, "."))
		}
		if declared[v.Name] || seen[dir] || outside(dir) || len(r.stack.Build) > 0 && dir == "." {
			continue
		}
		seen[dir] = true
		for _, step := range r.recognised(dir) {
			r.stack.Build = append(r.stack.Build, step)
			r.note(staging.NoteGuessed, v.File, v.Line, "services."+v.Name, "built by: "+step.Command.Shell, "say otherwise with x-offshoot.process.build")
		}
	}
}

// taskService is whose variables a task gets that names none.
func (r *reader) taskService() string {
	for _, v := range r.stack.Services {
		if len(v.Ports) > 0 {
			return v.Name
		}
	}
	if len(r.stack.Services) > 0 {
		return r.stack.Services[0].Name
	}
	return ""
}

// dependencies drops waits for release tasks, which come before everything,
// and refuses cycles.
func (r *reader) dependencies() {
	for i := range r.stack.Services {
		v := &r.stack.Services[i]
		v.DependsOn = slices.DeleteFunc(v.DependsOn, func(d staging.Dependency) bool {
			_, service := r.stack.Service(d.Name)
			return !service
		})
	}
	state := map[string]int{}
	var visit func(name string) bool
	visit = func(name string) bool {
		switch state[name] {
		case 1:
			return false
		case 2:
			return true
		}
		state[name] = 1
		v, _ := r.stack.Service(name)
		for _, d := range v.DependsOn {
			if !visit(d.Name) {
				return false
			}
		}
		state[name] = 2
		return true
	}
	for _, v := range r.stack.Services {
		if !visit(v.Name) {
			r.note(staging.NoteRefused, v.File, v.Line, "services."+v.Name+".depends_on", "services wait for each other in a circle", "remove one of the depends_on")
			return
		}
	}
}

func (r *reader) primary() {
	s := r.stack
	if s.Primary != "" {
		v, ok := s.Service(s.Primary)
		if !ok || len(v.Ports) == 0 {
			f, n := r.where("x-offshoot.primary")
			r.note(staging.NoteRefused, f, n, "x-offshoot.primary", "there is no service "+strconv.Quote(s.Primary)+" with a port", "name one that has ports")
		}
	} else {
		for _, v := range s.Services {
			if len(v.Ports) > 0 && v.Public {
				s.Primary = v.Name
				break
			}
		}
	}
	for i := range s.Services {
		if s.Services[i].Name == s.Primary {
			s.Services[i].Public = true
		}
	}
}
