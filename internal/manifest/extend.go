package manifest

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// extensionKey is the key under which Offshoot's own words stand.
const extensionKey = "x-offshoot"

// extensions decodes x-offshoot at the top and of each service.
func (r *reader) extensions(model map[string]any) (stackExtension, map[string]serviceExtension) {
	var stack stackExtension
	r.decode([]string{extensionKey}, model[extensionKey], &stack)
	services := map[string]serviceExtension{}
	list, _ := model["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(list)) {
		s, _ := list[name].(map[string]any)
		var x serviceExtension
		r.decode([]string{"services", name, extensionKey}, s[extensionKey], &x)
		services[name] = x
		r.processCommand[name] = x.Process != nil && !staging.Command(x.Process.Command).Empty()
	}
	return stack, services
}

// volumeExtensions is what x-offshoot of a volume says of cloning it.
func (r *reader) volumeExtensions(model map[string]any) map[string]*bool {
	clones := map[string]*bool{}
	list, _ := model["volumes"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(list)) {
		v, _ := list[name].(map[string]any)
		var x struct {
			Clone *bool `json:"clone"`
		}
		r.decode([]string{"volumes", name, extensionKey}, v[extensionKey], &x)
		clones[name] = x.Clone
	}
	return clones
}

// decode reads an x-offshoot value key by key, so that everything wrong with
// it is said at once.
func (r *reader) decode(at []string, value any, into any) {
	if value == nil {
		return
	}
	m, ok := value.(map[string]any)
	if !ok {
		r.refuse(at, "x-offshoot is a mapping", "its keys are in docs/compose.md")
		return
	}
	r.known(at, m, reflect.TypeOf(into).Elem())
	for _, key := range slices.Sorted(maps.Keys(m)) {
		text, err := json.Marshal(map[string]any{key: m[key]})
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			message := err.Error()
			if t, ok := err.(*json.UnmarshalTypeError); ok { //nolint:errorlint // the decoder answers it bare
				message = strings.TrimPrefix(t.Field, "Command.") + " cannot be a " + t.Value
			}
			r.refuse(append(slices.Clip(at), key), message, "its keys are in docs/compose.md")
		}
	}
}

// known refuses keys that the type has no field for, all the way down.
func (r *reader) known(at []string, value any, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	m, ok := value.(map[string]any)
	if !ok {
		return
	}
	if t.Kind() == reflect.Map {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			r.known(append(slices.Clip(at), key), m[key], t.Elem())
		}
		return
	}
	if t.Kind() != reflect.Struct {
		return
	}
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		fields[f.Tag.Get("json")] = f.Type
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		here := append(slices.Clip(at), key)
		if field, ok := fields[key]; ok {
			r.known(here, m[key], field)
			continue
		}
		r.refuse(here, "x-offshoot has no key "+key+" here", didYouMean(key, slices.Sorted(maps.Keys(fields))))
	}
}

// extend adds what x-offshoot says of the whole stack.
func (r *reader) extend(x stackExtension) {
	s := r.stack
	s.Primary, s.Migrations, s.Lite = x.Primary, x.Migrations, x.Lite
	if x.Release != nil {
		s.Release, r.releaseDeclared = append(s.Release, x.Release.stage("release")), true
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
		s.Links = append(s.Links, r.link(name, x.Links[name]))
	}
	if len(x.Sizes) > 0 {
		s.Sizes = map[string]map[string]staging.Size{}
	}
	for size, services := range x.Sizes {
		if !slices.Contains([]string{"small", "medium", "large"}, size) {
			r.refuse([]string{extensionKey, "sizes", size}, "there is no size "+size, "sizes are small, medium and large")
		}
		s.Sizes[size] = map[string]staging.Size{}
		for name, v := range services {
			if v.Replicas != nil && *v.Replicas < 0 {
				r.refuse([]string{extensionKey, "sizes", size, name, "replicas"}, "replicas cannot be negative", "write 0 or more")
			}
			s.Sizes[size][name] = staging.Size{Replicas: v.Replicas, CPUs: float64(v.CPUs), Memory: int64(v.Memory)}
		}
	}
	s.Hooks = staging.Hooks{AfterCreate: plainCommands(x.Hooks.AfterCreate), AfterDeploy: plainCommands(x.Hooks.AfterDeploy),
		BeforeDestroy: plainCommands(x.Hooks.BeforeDestroy)}
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// link reads one: the variable is NAME_URL where none is given, the project
// the link's own name.
func (r *reader) link(name string, l link) staging.Link {
	at := []string{extensionKey, "links", name}
	if l.Variable == "" {
		l.Variable = staging.Upper(name) + "_URL"
	}
	if l.Project == "" && l.URL == "" {
		l.Project = name
	}
	if !variableName.MatchString(l.Variable) || strings.HasPrefix(l.Variable, "OFFSHOOT") || l.Variable == "PORT" {
		r.refuse(append(slices.Clone(at), "variable"), l.Variable+" is no name of a variable of your own", "write letters, digits and underscores")
	}
	if l.Match != "" && l.Match != "branch" && l.Match != "shared" {
		r.refuse(append(slices.Clone(at), "match"), "match is branch or shared, not "+l.Match, "leave it out for shared")
	}
	if l.URL != "" && !strings.HasPrefix(l.URL, "http://") && !strings.HasPrefix(l.URL, "https://") {
		r.refuse(append(slices.Clone(at), "url"), "a link's url begins with http:// or https://", "write the whole address")
	}
	return staging.Link{Name: name, Project: l.Project, Variable: l.Variable, MatchBranch: l.Match == "branch", URL: l.URL}
}

func plainCommands(list commands) []staging.Command {
	var plain []staging.Command
	for _, c := range list {
		plain = append(plain, staging.Command(c))
	}
	return plain
}
