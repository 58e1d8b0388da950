package manifest

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/staging"
)

// spoken is the host and port of a URL.
var spoken = regexp.MustCompile(`://(?:[^\s/@"']*@)?([A-Za-z0-9][A-Za-z0-9._-]*):(\d{1,5})(?:[^0-9A-Za-z.:@_-]|$)`)

// spokenPorts gives a service that declares no port the one at which the
// stack's URLs call it, http://api:4000: Compose wants no declaration for what
// stays inside, and here the address has to be put in.
func (r *reader) spokenPorts() {
	for i := range r.stack.Services {
		v := &r.stack.Services[i]
		if len(v.Ports) > 0 || v.Schedule != "" || v.Command.Empty() {
			continue
		}
		port := r.calledAt(append([]string{v.Name}, v.Aliases...))
		if port == 0 {
			continue
		}
		v.Ports = []staging.Port{{Target: port}}
		r.guessed[v.Name] = true
		r.note(staging.NoteGuessed, v.File, v.Line, exposeKey(v.Name), v.Name+" is called at port "+strconv.Itoa(port), "say so with expose; PORT is what it must listen on")
	}
}

// calledAt is the port of the first URL that has one of these hosts, 0 for none.
func (r *reader) calledAt(names []string) int {
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		texts := append([]string{v.Command.Shell}, v.Command.Args...)
		for _, key := range slices.Sorted(maps.Keys(v.Environment)) {
			texts = append(texts, v.Environment[key])
		}
		for _, m := range spoken.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
			port, err := strconv.Atoi(m[2])
			if err == nil && port > 0 && port < 65536 && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, m[1]) }) {
				return port
			}
		}
	}
	return 0
}

func exposeKey(service string) string { return "services." + service + ".expose" }

// exposed are a service's ports where they were guessed.
func (r *Result) exposed(v staging.Service) []staging.Port {
	if slices.ContainsFunc(r.Notes, func(n staging.Note) bool { return n.Kind == staging.NoteGuessed && n.Key == exposeKey(v.Name) }) {
		return v.Ports
	}
	return nil
}
