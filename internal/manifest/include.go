package manifest

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"offshoot/internal/staging"
)

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
		return scalarTexts(n, func(s string) string { return r.substitute(s, p.values) })
	}
	files := texts("path")
	if n, _ := find(at.doc.root, at.path, 0); n != nil && n.Kind == yaml.ScalarNode {
		files = scalarTexts(n, func(s string) string { return r.substitute(s, p.values) })
	}
	q := part{chain: append(slices.Clone(p.chain), p.files[0]), values: maps.Clone(p.values)}
	for _, f := range files {
		inside, ok := r.insideOrJoined(at, p.dir, f)
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
		inside, ok := r.insideOrJoined(at, p.dir, dir[0])
		if !ok {
			return q, false
		}
		q.dir = inside
	}
	env := texts("env_file")
	for _, f := range env {
		inside, ok := r.insideOrJoined(at, p.dir, f)
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

// scalarTexts are a scalar, or the scalars of a list.
func scalarTexts(n *yaml.Node, each func(string) string) []string {
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

// insideOrJoined is the same where what is joined beside the repository is inside.
func (r *reader) insideOrJoined(at place, dir, p string) (string, bool) {
	if folder, ok := r.joined(path.Join(dir, p)); ok {
		return folder, true
	}
	return r.inside(at, dir, p)
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
