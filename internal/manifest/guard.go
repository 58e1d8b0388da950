package manifest

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// judgeVariables refuses, before anything is made, what services would be
// refused at their start. Values that are put in only then are judged then.
func (r *reader) judgeVariables() {
	if r.o.Judge == nil {
		return
	}
	var names []string
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		names = append(append(names, v.Name), v.Aliases...)
	}
	for _, d := range r.stack.Datastores {
		names = append(append(names, d.Name), d.Aliases...)
	}
	for _, l := range r.stack.Links {
		var e *staging.Error
		if errors.As(r.o.Judge(l.Variable, l.URL, names), &e) {
			at := []string{extensionKey, "links", l.Name, "url"}
			file, line := r.where(at)
			r.class[len(r.notes)] = staging.ClassPolicy
			r.note(staging.NoteRefused, file, line, strings.Join(at, "."), e.Message, e.Hint)
		}
	}
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		for _, key := range slices.Sorted(maps.Keys(v.Environment)) {
			if strings.HasPrefix(key, "OFFSHOOT") || key == "PORT" {
				continue // ours to say
			}
			if _, overridden := r.o.Variables[key]; overridden || r.secret[key] {
				continue // the project's comes over it and was judged when it was set
			}
			var e *staging.Error
			if !errors.As(r.o.Judge(key, v.Environment[key], names), &e) {
				continue
			}
			at := []string{"services", v.Name, "environment", key}
			file, line := r.whereSet(v.Name, key)
			r.class[len(r.notes)] = staging.ClassPolicy
			r.note(staging.NoteRefused, file, line, strings.Join(at, "."), e.Message, e.Hint)
		}
	}
}
