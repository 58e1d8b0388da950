package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"

	"offshoot/internal/foreign"
	"offshoot/internal/staging"
)

// maxFile bounds one file that is read, in bytes.
const maxFile = 1 << 20

// maxHops bounds the aliases and merges followed for one key.
const maxHops = 100

// document is one YAML file of the stack, with the lines of its keys.
type document struct {
	file string
	text []byte
	root *yaml.Node
}

// place is a key of a document.
type place struct {
	doc  *document
	path []string
}

// readFile is a text of the checkout.
func (r *reader) readFile(name string) ([]byte, error) {
	text, err := foreign.Read(r.root, name, maxFile)
	if err == nil && !utf8.Valid(text) {
		return nil, fmt.Errorf("%s is not UTF-8 text", name)
	}
	return text, err
}

// open reads and remembers a YAML file; what cannot be read is refused and
// answered with nil.
func (r *reader) open(file string, from place) *document {
	if d, ok := r.documents[file]; ok {
		return d
	}
	text, err := r.readFile(file)
	if err != nil {
		f, line := file, 0
		if from.doc != nil {
			_, line = find(from.doc.root, from.path, 0)
			f = from.doc.file
		}
		r.note(staging.NoteRefused, f, line, strings.Join(from.path, "."), unreadable(file, err), "keep the file in the repository, as text")
		return nil
	}
	d := &document{file: file, text: text, root: &yaml.Node{}}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(d.root); err != nil && !errors.Is(err, io.EOF) {
		line, what := syntax(err)
		r.note(staging.NoteRefused, file, line, "", "the YAML cannot be read: "+what, "mend the file")
		return nil
	}
	if err := bounded(d.root); err != nil {
		r.note(staging.NoteRefused, file, 1, "", err.Error(), "write it plainly")
		return nil
	}
	if second := (&yaml.Node{}); decoder.Decode(second) == nil {
		r.note(staging.NoteRefused, file, second.Line, "", "the file holds several YAML documents", "write one, or use include")
		return nil
	}
	if len(d.root.Content) > 0 {
		d.root = d.root.Content[0]
	}
	count, line := d.services()
	for _, other := range r.order {
		n, _ := other.services()
		count += n
	}
	if count > maxServices {
		r.note(staging.NoteRefused, file, line, "services", fmt.Sprintf("the stack has %d services, an environment at most %d", count, maxServices), "make several projects of it and use x-offshoot.links")
		return nil
	}
	r.documents[file] = d
	r.order = append(r.order, d)
	return d
}

func unreadable(file string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return file + " is not in the repository"
	case escapes(err):
		return file + " leads outside the repository"
	}
	return oneLine(err)
}

// escapes is whether os.Root refused to leave the checkout by a symbolic link.
func escapes(err error) bool { return err != nil && strings.Contains(err.Error(), "path escapes") }

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// shellKeys are the keys of x-offshoot whose values shells read.
var shellKeys = []string{"release", "seed", "layer", "hooks", "build", "command"}

// scalars calls visit for every value of the document that Compose puts
// variables into; each node once, whatever aliases lead to it. shell is whether
// it is a command of x-offshoot.
func (d *document) scalars(visit func(text string, line int, shell bool)) {
	var walk func(n *yaml.Node, own, shell bool)
	walk = func(n *yaml.Node, own, shell bool) {
		switch n.Kind {
		case yaml.ScalarNode:
			visit(n.Value, n.Line, shell)
		case yaml.MappingNode:
			for i := 1; i < len(n.Content); i += 2 {
				key := n.Content[i-1].Value
				walk(n.Content[i], own || key == extensionKey, shell || own && slices.Contains(shellKeys, key))
			}
		case yaml.SequenceNode:
			for _, c := range n.Content {
				walk(c, own, shell)
			}
		}
	}
	walk(d.root, false, false)
}

// mentions are the variables that a text names.
func mentions(text string) map[string]template.Variable {
	return template.ExtractVariables(map[string]any{"": text}, template.DefaultPattern)
}

// outside is whether a path of the repository leads out of it.
func outside(p string) bool {
	clean := path.Clean(p)
	return path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") || strings.HasPrefix(p, "~")
}
