package manifest

import (
	"errors"

	"go.yaml.in/yaml/v4"
)

// The bounds of one file, its aliases written out.
const (
	maxNodes = 200_000
	maxDepth = 100
)

// maxServices bounds how many services all files of a stack say something of.
const maxServices = 500

// services are how many a document has, and where they begin.
func (d *document) services() (count, line int) {
	n, line := find(d.root, []string{"services"}, 0)
	if n == nil {
		return 0, line
	}
	return len(n.Content) / 2, line
}

// extent is how large and how deep something is with its aliases written out.
type extent struct{ size, depth int }

// measure knows the extent of what it has looked at.
type measure struct {
	done map[*yaml.Node]extent
	open map[*yaml.Node]bool
}

// bounded refuses a document that holds itself, or is too large or deep once
// its aliases are written out.
func bounded(root *yaml.Node) error {
	e, err := measure{map[*yaml.Node]extent{}, map[*yaml.Node]bool{}}.of(root)
	switch {
	case err != nil:
		return err
	case e.size > maxNodes:
		return errors.New("with its aliases written out the file is too large")
	case e.depth > maxDepth:
		return errors.New("the file is nested too deeply")
	}
	return nil
}

func (m measure) of(n *yaml.Node) (extent, error) {
	if e, ok := m.done[n]; ok {
		return e, nil
	}
	if m.open[n] {
		return extent{}, errors.New("an alias leads to what holds it")
	}
	m.open[n] = true
	e := extent{size: 1}
	parts := n.Content
	if n.Kind == yaml.AliasNode {
		parts = []*yaml.Node{n.Alias}
	}
	for _, c := range parts {
		inner, err := m.of(c)
		if err != nil {
			return extent{}, err
		}
		e.size, e.depth = min(e.size+inner.size, maxNodes+1), max(e.depth, inner.depth)
	}
	e.depth++
	m.open[n], m.done[n] = false, e
	return e, nil
}
