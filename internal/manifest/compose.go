package manifest

import (
	"context"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"offshoot/internal/staging"
)

// maxParts bounds how many files are included, diamonds counted each time.
const maxParts = 100

// part is a set of files read as one, the later over the earlier.
type part struct {
	files []string
	// dir is what its paths are relative to.
	dir    string
	values map[string]string
	// chain are the files that include this part.
	chain []string
	// followed are the files that services of the part extend.
	followed map[string]bool
}

// compose reads the Compose files, what they include, and their overlay. Paths are
// relative to the first.
func (r *reader) compose(ctx context.Context, files []string) {
	dir := path.Dir(files[0])
	p := part{files: slices.Clip(files), dir: dir, values: r.values(dir)}
	for _, overlay := range []string{path.Join(dir, overlayName), overlayName} {
		if !slices.Contains(files, overlay) && r.exists(overlay) {
			p.files = append(p.files, overlay)
			break
		}
	}
	r.stack.Sources = p.files
	r.environ = p.values
	model, ok := r.model(ctx, p)
	t := newTable()
	if !ok {
		// Say all that can be said of files that do not make a model.
		for _, d := range r.order {
			var m map[string]any
			if d.root.Decode(&m) == nil {
				r.judge(m, t)
			}
		}
		for range maxUnknown {
			if ok || !r.withoutUnknown() {
				break
			}
			model, ok = r.model(ctx, p)
		}
	}
	if !ok {
		return
	}
	r.locate(p.files)
	r.judge(model, t)
	r.project(ctx, model, p)
}

// locate puts the documents in the order in which their keys count.
func (r *reader) locate(files []string) {
	rank := func(d *document) int {
		if i := slices.Index(files, d.file); i >= 0 {
			return len(files) - i
		}
		return len(files) + 1
	}
	slices.SortStableFunc(r.order, func(a, b *document) int { return rank(a) - rank(b) })
}

// model loads a part. The loader gets files that were looked at before: it
// opens by itself only what extends names, and that was followed here first.
func (r *reader) model(ctx context.Context, p part) (map[string]any, bool) {
	p.followed = map[string]bool{}
	details := types.ConfigDetails{WorkingDir: filepath.Join(r.dir, p.dir), Environment: types.Mapping{}}
	inside := true
	for _, f := range p.files {
		d := r.open(f, place{})
		if d == nil {
			inside = false
			continue
		}
		r.mentioned(d, p.values)
		inside = r.closed(d, p) && inside
		included, ok := r.included(ctx, d, p)
		inside = ok && inside
		details.ConfigFiles = append(details.ConfigFiles, included...)
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: filepath.Join(r.dir, f), Content: d.text})
	}
	if !inside {
		return nil, false
	}
	model, err := loader.LoadModelWithContext(ctx, details, r.options(p.values))
	if err != nil {
		r.loaderSays(p.files, err)
		return nil, false
	}
	return model, true
}

func (r *reader) options(values map[string]string) func(o *loader.Options) {
	return func(o *loader.Options) {
		o.SetProjectName("stack", true)
		o.SkipInclude, o.SkipResolveEnvironment, o.SkipResolveLabels = true, true, true
		o.SkipNormalization, o.SkipConsistencyCheck, o.ResolvePaths = true, true, true
		o.Interpolate.LookupValue = func(name string) (string, bool) { return r.lookup(values, name) }
		if profiles := values["COMPOSE_PROFILES"]; profiles != "" {
			o.Profiles = strings.Split(profiles, ",")
		}
	}
}

// maxUnknown bounds how often the files are read again without keys that
// Compose lacks: the loader names only the first that the table does not know.
const maxUnknown = 20

// unknownTo is the loader's word for a key that Compose lacks.
var unknownTo = regexp.MustCompile(`^(\S+) additional properties '([^']+)'`)

// badDollar is the loader's word for a $ that it cannot read.
var badDollar = regexp.MustCompile(`invalid interpolation format for ([^ ]+)\.\s`)

var interpolating = regexp.MustCompile(`error while interpolating ([^ ]+): (?:failed to cast to expected type: )?(.*)`)

// loaderSays notes why the loader refuses, unless the schema and the table of
// keys say it better.
func (r *reader) loaderSays(files []string, err error) {
	text := strings.ReplaceAll(oneLine(err), r.dir+"/", "")
	text = staging.ExpandLate(text, func(name string) string { return "${" + name + "}" })
	before := len(r.notes)
	for _, d := range r.order {
		r.malformed(d)
	}
	if strings.Contains(text, "validating ") && (len(r.notes) > before || r.unknownKeys()) {
		return
	}
	hint := "see https://docs.docker.com/reference/compose-file/"
	if unset := slices.Sorted(maps.Keys(r.unset)); len(unset) > 0 {
		hint = "these variables have no value: " + strings.Join(unset[:min(5, len(unset))], " ") + "; give them one: offshoot project env set NAME=VALUE"
	}
	if m := badDollar.FindStringSubmatch(text); m != nil {
		r.refuse(strings.Split(m[1], "."), "a $ of the value begins no variable", "write $$ where a shell is to see a $")
		return
	}
	if m := interpolating.FindStringSubmatch(text); m != nil {
		r.refuse(strings.Split(m[1], "."), "the value does not have the form that Compose asks for: "+m[2], hint)
		return
	}
	if m := unknownTo.FindStringSubmatch(strings.TrimSpace(text[strings.LastIndex(text, ": ")+1:])); m != nil {
		r.refuse(append(strings.Split(m[1], "."), m[2]), noKey+m[2], didYouMean(m[2], nil))
		return
	}
	file := files[0]
	for _, f := range files {
		if strings.Contains(text, f) {
			file = f
		}
	}
	line := lineOf(err)
	key := ""
	if first, _, ok := strings.Cut(strings.TrimPrefix(text, "validating "+file+": "), " "); ok && line == 0 && strings.Contains(first, ".") {
		key = first
		file, line = r.where(strings.Split(first, "."))
	}
	if line == 0 {
		file, line = r.speaksOf(text, file)
	}
	r.note(staging.NoteRefused, file, line, key, text, hint)
}

// speaksOf is where the value stands that an error quotes: the longest that it
// holds, with variables put in.
func (r *reader) speaksOf(text, file string) (string, int) {
	line, longest := 0, 2
	_, empty, isEmpty := strings.Cut(strings.TrimSuffix(text, "<empty>"), "specified: ")
	isEmpty = isEmpty && strings.HasSuffix(text, "<empty>")
	for _, d := range r.order {
		d.scalars(func(value string, at int, _ bool) {
			if !strings.ContainsAny(value, "$:/") {
				return
			}
			if isEmpty && line == 0 && strings.Contains(value, "$") && r.substitute(value, r.environ) == empty {
				file, line = d.file, at
			}
			if put := r.substitute(value, r.environ); len(put) > longest && strings.Contains(text, put) {
				file, line, longest = d.file, at, len(put)
			}
		})
	}
	return file, line
}

// unknownKeys is whether the table finds keys that Compose lacks.
func (r *reader) unknownKeys() bool {
	t := newTable()
	probe := &reader{way: r.way, documents: r.documents, order: r.order, stack: r.stack}
	for _, d := range r.order {
		var m map[string]any
		if yaml.Unmarshal(d.text, &m) == nil {
			probe.judge(m, t)
		}
	}
	return slices.ContainsFunc(probe.notes, func(n staging.Note) bool { return strings.HasPrefix(n.Message, noKey) })
}
