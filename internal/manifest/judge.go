package manifest

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/staging"
)

// noKey begins the note of a key that Compose lacks.
const noKey = "Compose has no key "

// judge notes what the keys of a model become: what is ignored, what is
// refused, and names that no key has. A false or empty value asks for nothing
// and is let be.
func (r *reader) judge(model map[string]any, t table) {
	r.judgeMap(model, nil, "", t)
}

func (r *reader) judgeMap(m map[string]any, at []string, name string, t table) {
	names := t.parent[join(name, "*")] || t.rows[join(name, "*")].Name != ""
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value, here := m[key], append(slices.Clip(at), key)
		row := join(name, key)
		if strings.HasPrefix(key, "x-") || key == "<<" || nothing(value) && (names || t.rows[row].Name != "" || t.parent[row]) {
			continue
		}
		if names || name == "services" {
			r.judgeValue(value, here, join(name, "*"), t)
			continue
		}
		k, known := t.rows[row]
		rule := r.way.rule(k)
		switch {
		case !known:
			r.refuse(here, noKey+key, didYouMean(key, t.below(name)))
		case rule.Treatment == Refused:
			r.refuse(here, key+" is not allowed: "+rule.Why, "remove it, or reset it in "+overlayName+": `"+key+": !reset null`")
		case r.refuseUnfit(here, row, value):
		case rule.Treatment == Ignored && !r.reaches(value, here, row, t) && r.written(here):
			r.ignore(here, key+" is ignored: "+rule.Why)
		case rule.Treatment == Honoured && t.parent[row]:
			if _, mapping := value.(map[string]any); !mapping || !lists[row] {
				r.judgeValue(value, here, row, t)
			}
		}
	}
}

// lists are the rows whose value is a list, and their rows below those of its
// elements.
var lists = map[string]bool{"include": true, "services.*.configs": true, "services.*.secrets": true, "services.*.ports": true, "services.*.volumes": true}

// reaches judges what is refused below a key that is ignored, and tells
// whether there is such.
func (r *reader) reaches(value any, at []string, name string, t table) bool {
	m, ok := value.(map[string]any)
	if !ok || !t.parent[name] {
		return false
	}
	found := false
	for _, key := range slices.Sorted(maps.Keys(m)) {
		k, ok := t.rows[join(name, key)]
		if rule := r.way.rule(k); ok && rule.Treatment == Refused && !nothing(m[key]) {
			r.refuse(append(slices.Clip(at), key), key+" is not allowed: "+rule.Why, "remove it, or reset it in "+overlayName)
			found = true
		}
	}
	return found
}

func (r *reader) judgeValue(value any, at []string, name string, t table) {
	switch v := value.(type) {
	case map[string]any:
		r.judgeMap(v, at, name, t)
	case []any:
		for i, e := range v {
			if m, ok := e.(map[string]any); ok {
				r.judgeMap(m, append(slices.Clip(at), strconv.Itoa(i)), name, t)
			}
		}
	}
}

func join(name, element string) string {
	if name == "" {
		return element
	}
	return name + "." + element
}

func nothing(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == "" || v == "false"
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// refuseUnfit refuses a value that a key may not have, and tells whether it did.
func (r *reader) refuseUnfit(at []string, row string, value any) bool {
	bad, why := unfit(row, value)
	if why == "" {
		return false
	}
	name, _, _ := strings.Cut(bad, "=")
	file, line, _ := r.item(at, name)
	r.note(staging.NoteRefused, file, line, strings.Join(at, "."), at[len(at)-1]+" "+name+" is not allowed: "+why,
		"remove it, or reset it in "+overlayName+": `"+at[len(at)-1]+": !reset null`")
	return true
}

// written is whether a file has the key itself: the loader adds keys that
// nobody wrote.
func (r *reader) written(at []string) bool {
	return slices.ContainsFunc(r.places(at), func(p place) bool {
		n, _ := find(p.doc.root, p.path, 0)
		return n != nil
	})
}

// didYouMean is a hint that names the key most like the one written.
func didYouMean(key string, known []string) string {
	best, at := "", 3
	for _, k := range known {
		if d := distance(key, k); d < at && d < max(len(key), 2) {
			best, at = k, d
		}
	}
	if best == "" {
		return "its keys are in docs/compose.md"
	}
	return "did you mean " + best + "?"
}

// distance is how many letters must be added, taken or changed to come from a
// to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func (r *reader) refuse(at []string, message, hint string) {
	file, line := r.where(at)
	r.note(staging.NoteRefused, file, line, strings.Join(at, "."), message, hint)
}

func (r *reader) ignore(at []string, message string) {
	file, line := r.where(at)
	r.note(staging.NoteIgnored, file, line, strings.Join(at, "."), message, "")
}

func (r *reader) guess(at []string, message, hint string) {
	file, line := r.where(at)
	r.note(staging.NoteGuessed, file, line, strings.Join(at, "."), message, hint)
}
