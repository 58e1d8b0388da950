package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"

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

// readFile is a file of the checkout; symbolic links that leave it are refused
// by os.Root, and nothing is waited for at the end of a pipe.
func (r *reader) readFile(name string) ([]byte, error) {
	f, err := r.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("%s is larger than 1 MB", name)
	case !utf8.Valid(text):
		return nil, fmt.Errorf("%s is not UTF-8 text", name)
	}
	return text, nil
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

// scalars calls visit for every value of the document that Compose puts
// variables into; each node once, whatever aliases lead to it.
func (d *document) scalars(visit func(text string, line int)) {
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		switch n.Kind {
		case yaml.ScalarNode:
			visit(n.Value, n.Line)
		case yaml.MappingNode:
			for i := 1; i < len(n.Content); i += 2 {
				walk(n.Content[i])
			}
		case yaml.SequenceNode:
			for _, c := range n.Content {
				walk(c)
			}
		}
	}
	walk(d.root)
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

var lineNumber = regexp.MustCompile(`line (\d+)`)

// lineOf is the first line that an error names, 0 for none.
func lineOf(err error) int {
	m := lineNumber.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// syntax is the line of an error of the YAML reader, and what is wrong there.
// Its parser counts lines from 0, its scanner from 1; the last line named is
// where the error is.
func syntax(err error) (line int, what string) {
	text := oneLine(err)
	if all := lineNumber.FindAllStringSubmatch(text, -1); len(all) > 0 {
		line, _ = strconv.Atoi(all[len(all)-1][1])
	}
	if strings.Contains(text, "while parsing") {
		line++
	}
	what = text[strings.LastIndex(text, ": ")+1:]
	return line, strings.TrimSpace(what)
}
