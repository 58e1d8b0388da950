package manifest

import (
	"regexp"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

var serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// usualMigrations are where frameworks keep migrations.
var usualMigrations = []string{"db/migrate", "migrations", "prisma/migrations", "db/migrations", "database/migrations", "alembic/versions", "priv/repo/migrations"}

// finish completes the stack and refuses what cannot run.
func (r *reader) finish() {
	s := r.stack
	if len(s.Services) == 0 && !r.refused() {
		hint := "add a service that is built from the repository"
		if len(r.profiles) > 0 {
			hint = "all services have profiles: offshoot project env set COMPOSE_PROFILES=" + strings.Join(slices.Compact(slices.Sorted(slices.Values(r.profiles))), ",")
		}
		r.note(staging.NoteRefused, r.mainFile(), 0, "services", "no service is left to run", hint)
	}
	r.names()
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
	r.way.finish(r)
	r.ends()
	r.schedulers()
	r.primary()
	r.named()
	r.answered()
	r.judgeVariables()
	if len(s.Migrations) == 0 {
		for _, p := range usualMigrations {
			if r.isDir(p) {
				s.Migrations = append(s.Migrations, p)
			}
		}
	}
}

// mainFile is the file that says what runs, or would.
func (r *reader) mainFile() string {
	if len(r.stack.Sources) == 0 {
		return usualNames[0]
	}
	return r.stack.Sources[0]
}

// names refuses what would be one name in variables or hosts.
func (r *reader) names() {
	type named struct {
		name, file string
		line       int
	}
	var all []named
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		all = append(all, named{v.Name, v.File, v.Line})
	}
	for _, d := range r.stack.Datastores {
		all = append(all, named{d.Name, d.File, d.Line})
	}
	seen := map[string]string{}
	for _, n := range all {
		if !serviceName.MatchString(n.name) {
			r.note(staging.NoteRefused, n.file, n.line, "services."+n.name, "the service's name has other characters than letters, digits, dot, dash and underscore, or more than 63", "rename it")
		}
		plain := strings.ToLower(strings.Map(plainRune, n.name))
		if other, ok := seen[plain]; ok {
			r.note(staging.NoteRefused, n.file, n.line, "services."+n.name, n.name+" and "+other+" would be one name in host names and variables", "rename one of them")
		}
		seen[plain] = n.name
	}
}

// named refuses services that x-offshoot names and the stack lacks.
func (r *reader) named() {
	var known []string
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		known = append(known, v.Name)
	}
	for _, d := range r.stack.Datastores {
		known = append(known, d.Name)
	}
	for _, m := range r.stack.Mail {
		known = append(known, m.Name)
	}
	miss := func(name string, at ...string) {
		if !slices.Contains(known, name) {
			r.refuse(append([]string{extensionKey}, at...), "there is no service "+name, didYouMean(name, known))
		}
	}
	for size, services := range r.stack.Sizes {
		for name := range services {
			miss(name, "sizes", size, name)
		}
	}
	for _, name := range r.stack.Lite {
		miss(name, "lite")
	}
	for _, t := range slices.Concat(r.stack.Release, taskList(r.stack.Seed), taskList(r.stack.Layer)) {
		if t.Service != "" && t.Name != t.Service {
			miss(t.Service, t.Name, "service")
		}
	}
}

func taskList(t *staging.Task) []staging.Task {
	if t == nil {
		return nil
	}
	return []staging.Task{*t}
}

// taskService is whose variables a task gets that names none.
func (r *reader) taskService() string {
	if r.stack.Primary != "" {
		return r.stack.Primary
	}
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

// dependencies refuses circles, orders the release tasks, and then drops waits
// for them: they come before everything.
func (r *reader) dependencies() {
	s := r.stack
	all := slices.Concat(s.Services, s.OneShots)
	state := map[string]int{}
	var order []string
	var visit func(name string) bool
	visit = func(name string) bool {
		switch state[name] {
		case 1:
			return false
		case 2:
			return true
		}
		state[name] = 1
		i := slices.IndexFunc(all, func(v staging.Service) bool { return v.Name == name })
		if i >= 0 {
			for _, d := range all[i].DependsOn {
				if !visit(d.Name) {
					return false
				}
			}
		}
		state[name], order = 2, append(order, name)
		return true
	}
	for _, v := range all {
		if !visit(v.Name) {
			r.refuse([]string{"services", v.Name, "depends_on"}, "services wait for each other in a circle", "remove one of the depends_on")
			return
		}
	}
	slices.SortStableFunc(s.Release, func(a, b staging.Task) int {
		rank := func(t staging.Task) int {
			if slices.ContainsFunc(s.OneShots, func(v staging.Service) bool { return v.Name == t.Name }) {
				return slices.Index(order, t.Name)
			}
			return len(order)
		}
		return rank(a) - rank(b)
	})
	for i := range s.Services {
		v := &s.Services[i]
		v.DependsOn = slices.DeleteFunc(v.DependsOn, func(d staging.Dependency) bool {
			return !slices.ContainsFunc(s.Services, func(other staging.Service) bool { return other.Name == d.Name })
		})
	}
}

// primary is the service behind the environment's URL.
func (r *reader) primary() {
	s := r.stack
	if s.Primary != "" {
		if v, ok := s.Service(s.Primary); !ok || len(v.Ports) == 0 {
			var known []string
			for _, v := range s.Services {
				if len(v.Ports) > 0 {
					known = append(known, v.Name)
				}
			}
			r.refuse([]string{extensionKey, "primary"}, "there is no service "+s.Primary+" with a port", didYouMean(s.Primary, known))
			return
		}
	} else if i := slices.IndexFunc(s.Services, func(v staging.Service) bool { return len(v.Ports) > 0 && v.Public }); i >= 0 {
		s.Primary = s.Services[i].Name
	}
	for i := range s.Services {
		if s.Services[i].Name == s.Primary {
			s.Services[i].Public = true
		}
	}
}
