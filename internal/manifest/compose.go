package manifest

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
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

// compose reads the Compose file, what it includes, and its overlay.
func (r *reader) compose(ctx context.Context, file string) {
	dir := path.Dir(file)
	p := part{files: []string{file}, dir: dir, values: r.values(dir)}
	for _, overlay := range []string{path.Join(dir, overlayName), overlayName} {
		if file != overlay && r.exists(overlay) {
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
		return
	}
	r.locate(file, p.files)
	r.judge(model, t)
	r.project(ctx, model, p)
}

// locate puts the documents in the order in which their keys count.
func (r *reader) locate(file string, files []string) {
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
	if m := interpolating.FindStringSubmatch(text); m != nil {
		r.refuse(strings.Split(m[1], "."), "the value does not have the form that Compose asks for: "+m[2], hint)
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
		d.scalars(func(value string, at int) {
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
	probe := &reader{documents: r.documents, order: r.order, stack: r.stack}
	for _, d := range r.order {
		var m map[string]any
		if d.root.Decode(&m) == nil {
			probe.judge(m, t)
		}
	}
	return slices.ContainsFunc(probe.notes, func(n staging.Note) bool { return strings.HasPrefix(n.Message, noKey) })
}

// included loads what a document includes; its own keys come over them.
func (r *reader) included(ctx context.Context, d *document, p part) ([]types.ConfigFile, bool) {
	list, _ := find(d.root, []string{"include"}, 0)
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil, true
	}
	var files []types.ConfigFile
	inside := true
	for i := range list.Content {
		at := place{d, []string{"include", fmt.Sprint(i)}}
		q, ok := r.include(at, p)
		if !ok {
			inside = false
			continue
		}
		if r.parts++; slices.Contains(q.chain, q.files[0]) || r.parts > maxParts {
			r.noteAt(at, staging.NoteRefused, "files include each other in a circle, or too many", "remove one of the includes")
			return nil, false
		}
		model, ok := r.model(ctx, q)
		if !ok {
			inside = false
			continue
		}
		escapeDollars(model)
		files = append(files, types.ConfigFile{Filename: filepath.Join(r.dir, q.files[0]), Config: model})
	}
	return files, inside
}

// include reads one entry: files, folder and env files, all inside.
func (r *reader) include(at place, p part) (part, bool) {
	texts := func(key string) []string {
		n, _ := find(at.doc.root, append(slices.Clone(at.path), key), 0)
		return strings1(n, func(s string) string { return r.substitute(s, p.values) })
	}
	files := texts("path")
	if n, _ := find(at.doc.root, at.path, 0); n != nil && n.Kind == yaml.ScalarNode {
		files = strings1(n, func(s string) string { return r.substitute(s, p.values) })
	}
	q := part{chain: append(slices.Clone(p.chain), p.files[0]), values: maps.Clone(p.values)}
	for _, f := range files {
		inside, ok := r.inside(at, p.dir, f)
		if !ok {
			return q, false
		}
		q.files = append(q.files, inside)
	}
	if len(q.files) == 0 {
		r.noteAt(at, staging.NoteRefused, "an include names no file", "write the path of a Compose file")
		return q, false
	}
	q.dir = path.Dir(q.files[0])
	if dir := texts("project_directory"); len(dir) > 0 {
		inside, ok := r.inside(at, p.dir, dir[0])
		if !ok {
			return q, false
		}
		q.dir = inside
	}
	env := texts("env_file")
	for _, f := range env {
		inside, ok := r.inside(at, p.dir, f)
		if !ok {
			return q, false
		}
		if !r.exists(inside) {
			r.noteAt(at, staging.NoteMissing, "env_file "+inside+" is not in the repository", missingEnvHint)
			continue
		}
		r.addEnv(q.values, inside)
	}
	if len(env) == 0 && r.exists(path.Join(q.dir, ".env")) {
		r.addEnv(q.values, path.Join(q.dir, ".env"))
	}
	return q, true
}

// strings1 is a scalar, or the scalars of a list.
func strings1(n *yaml.Node, each func(string) string) []string {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode && n.Value != "":
		return []string{each(n.Value)}
	}
	var list []string
	for _, c := range n.Content {
		if c.Kind == yaml.ScalarNode {
			list = append(list, each(c.Value))
		}
	}
	return list
}

func (r *reader) substitute(text string, values map[string]string) string {
	out, err := template.Substitute(text, func(name string) (string, bool) { return r.lookup(values, name) })
	if err != nil {
		return text
	}
	return out
}

// inside is a path that is relative to a folder of the repository, as one of
// the repository; what leads outside is refused.
func (r *reader) inside(at place, dir, p string) (string, bool) {
	joined := path.Join(dir, p)
	if path.IsAbs(p) || strings.HasPrefix(p, "~") || outside(joined) || strings.Contains(p, "://") {
		r.noteAt(at, staging.NoteRefused, p+" leads outside the repository", "keep the file in the repository")
		return "", false
	}
	return joined, true
}

func (r *reader) noteAt(at place, kind staging.NoteKind, message, hint string) {
	_, line := find(at.doc.root, at.path, 0)
	r.note(kind, at.doc.file, line, strings.Join(at.path, "."), message, hint)
}

// closed follows what the services of a document extend, remembers whose keys
// they inherit, and refuses what leads outside.
func (r *reader) closed(d *document, p part) bool {
	services, _ := find(d.root, []string{"services"}, 0)
	ok := true
	for _, name := range keysOf(services, 0) {
		at := place{d, []string{"services", name, "extends"}}
		extends, _ := find(d.root, at.path, 0)
		if extends == nil {
			continue
		}
		base, to := scalar(extends), d
		if extends.Kind == yaml.MappingNode {
			s, _ := find(extends, []string{"service"}, 0)
			f, _ := find(extends, []string{"file"}, 0)
			base = scalar(s)
			if file := r.substitute(scalar(f), p.values); file != "" {
				to = r.follow(at, p, file)
				ok = ok && to != nil
			}
		}
		if to != nil && base != "" {
			r.bases[name] = append(r.bases[name], place{to, []string{"services", base}})
		}
	}
	return ok
}

// follow opens a file that is extended, and what that extends; nil where one
// of them cannot be had.
func (r *reader) follow(at place, p part, file string) *document {
	name, ok := r.inside(at, p.dir, file)
	if !ok {
		return nil
	}
	d := r.open(name, at)
	if d == nil || p.followed[name] {
		return d
	}
	p.followed[name] = true
	r.mentioned(d, p.values)
	// What is extended resolves its own paths from where it lies.
	if !r.closed(d, part{files: []string{name}, dir: path.Dir(name), values: p.values, followed: p.followed}) {
		return nil
	}
	return d
}

// keysOf are the keys of a mapping, with those it merges.
func keysOf(n *yaml.Node, hops int) []string {
	for n != nil && n.Kind == yaml.AliasNode && hops < maxHops {
		n, hops = n.Alias, hops+1
	}
	if n == nil || n.Kind != yaml.MappingNode || hops >= maxHops {
		return nil
	}
	var list []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			list = append(list, n.Content[i].Value)
			continue
		}
		sources := []*yaml.Node{n.Content[i+1]}
		if sources[0].Kind == yaml.SequenceNode {
			sources = sources[0].Content
		}
		for _, s := range sources {
			list = append(list, keysOf(s, hops+1)...)
		}
	}
	return list
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// escapeDollars keeps values that are interpolated from being so again.
func escapeDollars(value any) {
	switch v := value.(type) {
	case map[string]any:
		for k, e := range v {
			if s, ok := e.(string); ok {
				v[k] = strings.ReplaceAll(s, "$", "$$")
				continue
			}
			escapeDollars(e)
		}
	case []any:
		for i, e := range v {
			if s, ok := e.(string); ok {
				v[i] = strings.ReplaceAll(s, "$", "$$")
				continue
			}
			escapeDollars(e)
		}
	}
}
