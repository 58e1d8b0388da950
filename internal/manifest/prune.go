package manifest

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"offshoot/internal/staging"
)

// withoutUnknown takes the keys that Compose lacks, which are refused by now,
// out of what the loader is given, so that one misspelt key does not hide what
// else there is to say. It answers whether there were any.
func (r *reader) withoutUnknown() bool {
	found := false
	for _, d := range r.order {
		root := &yaml.Node{}
		if yaml.Unmarshal(d.text, root) != nil || len(root.Content) == 0 {
			continue
		}
		pruned := false
		for _, n := range r.notes {
			if n.Kind == staging.NoteRefused && n.File == d.file && strings.HasPrefix(n.Message, noKey) {
				pruned = remove(root.Content[0], strings.Split(n.Key, ".")) || pruned
			}
		}
		if text, err := yaml.Marshal(root); pruned && err == nil {
			d.text, found = text, true
		}
	}
	return found
}

// remove takes a key out of nested mappings and lists.
func remove(n *yaml.Node, at []string) bool {
	if len(at) > 1 {
		child, _ := find(n, at[:1], 0)
		return child != nil && remove(child, at[1:])
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == at[0] {
			n.Content = slices.Delete(n.Content, i, i+2)
			return true
		}
	}
	return false
}
