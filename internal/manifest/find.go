package manifest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// find follows a path of keys through merges and aliases to a value and the
// line of its key; nil and 0 where there is none.
func find(n *yaml.Node, keys []string, hops int) (*yaml.Node, int) {
	for n != nil && n.Kind == yaml.AliasNode && hops < maxHops {
		n, hops = n.Alias, hops+1
	}
	if n == nil || hops >= maxHops {
		return nil, 0
	}
	if len(keys) == 0 {
		return n, n.Line
	}
	switch n.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(keys[0]); err == nil && i >= 0 && i < len(n.Content) {
			return find(n.Content[i], keys[1:], hops+1)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == keys[0] {
				value, line := find(n.Content[i+1], keys[1:], hops+1)
				if len(keys) == 1 {
					line = n.Content[i].Line
				}
				return value, line
			}
		}
		return findMerged(n, keys, hops)
	}
	return nil, 0
}

func findMerged(n *yaml.Node, keys []string, hops int) (*yaml.Node, int) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		sources := []*yaml.Node{n.Content[i+1]}
		if sources[0].Kind == yaml.SequenceNode {
			sources = sources[0].Content
		}
		for _, s := range sources {
			if value, line := find(s, keys, hops+1); value != nil {
				return value, line
			}
		}
	}
	return nil, 0
}

// places are where a key of the merged model may stand, the one that counts
// first: the overlay, the file, what it includes, what a service extends.
func (r *reader) places(at []string) []place {
	var list []place
	for _, d := range r.order {
		list = append(list, place{d, at})
	}
	if len(at) > 1 && at[0] == "services" {
		seen := map[string]bool{}
		for queue := []string{at[1]}; len(queue) > 0; {
			service := queue[0]
			queue = queue[1:]
			if seen[service] {
				continue
			}
			seen[service] = true
			for _, base := range r.bases[service] {
				list = append(list, place{base.doc, append(slices.Clone(base.path), at[2:]...)})
				queue = append(queue, base.path[1])
			}
		}
	}
	return list
}

// where is the file and line of a key of the merged model, or of the nearest
// key above it.
func (r *reader) where(at []string) (string, int) {
	for n := len(at); n > 0; n-- {
		for _, p := range r.places(at[:n]) {
			if _, line := find(p.doc.root, p.path, 0); line > 0 {
				return p.doc.file, line
			}
		}
	}
	if len(r.stack.Sources) > 0 {
		return r.stack.Sources[0], 0
	}
	return "", 0
}

// item is the line of the element of a list whose own text or one of whose
// values has the text, and that text as it is written.
func (r *reader) item(at []string, text string) (file string, line int, written string) {
	for _, p := range r.places(at) {
		list, _ := find(p.doc.root, p.path, 0)
		if list == nil || list.Kind != yaml.SequenceNode {
			continue
		}
		for _, e := range list.Content {
			if e.Kind == yaml.AliasNode {
				e = e.Alias
			}
			if e.Kind == yaml.ScalarNode && strings.Contains(e.Value, text) {
				return p.doc.file, e.Line, e.Value
			}
			for _, v := range e.Content {
				if v.Kind == yaml.ScalarNode && v.Value == text {
					source, _ := find(e, []string{"source"}, 0)
					return p.doc.file, e.Line, cmp.Or(scalar(source), text)
				}
			}
		}
	}
	file, line = r.where(at)
	return file, line, text
}
