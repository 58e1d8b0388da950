package manifest

import (
	"errors"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// lines knows where each key of a file stands.
type lines struct {
	at   map[string]int
	root *yaml.Node
}

// maxNodes bounds what of one file is looked at.
const maxNodes = 200_000

func (r *reader) index(file string, text []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	l := &lines{at: map[string]int{}, root: &doc}
	n := 0
	if !l.walk(&doc, "", &n) {
		return errors.New("the file is too large to be a stack")
	}
	r.lines[file] = l
	return nil
}

func (l *lines) walk(n *yaml.Node, key string, seen *int) bool {
	if *seen++; *seen > maxNodes {
		return false
	}
	if key != "" {
		if _, ok := l.at[key]; !ok {
			l.at[key] = n.Line
		}
	}
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			if !l.walk(c, key, seen) {
				return false
			}
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := join(key, n.Content[i].Value)
			l.at[k] = n.Content[i].Line
			if !l.walk(n.Content[i+1], k, seen) {
				return false
			}
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			if !l.walk(c, join(key, strconv.Itoa(i)), seen) {
				return false
			}
		}
	}
	return true // aliases lead to what is walked already
}

func join(key, element string) string {
	if key == "" {
		return element
	}
	return key + "." + element
}

// line is where the key stands, or the nearest key above it; 0 for nowhere.
func (r *reader) line(file, key string) int {
	l := r.lines[file]
	for l != nil && key != "" {
		if n, ok := l.at[key]; ok {
			return n
		}
		key = strings.TrimSuffix(key[:max(0, strings.LastIndexByte(key, '.'))], ".")
	}
	return 0
}

// where is the file and line of a key, in the overlay where that has it.
func (r *reader) where(key string) (string, int) {
	for i := len(r.stack.Sources) - 1; i >= 0; i-- {
		f := r.stack.Sources[i]
		if n, ok := r.lines[f].at[key]; ok {
			return f, n
		}
	}
	if len(r.stack.Sources) == 0 {
		return "", 0
	}
	return r.stack.Sources[0], r.line(r.stack.Sources[0], key)
}

// escapes is the key of an include or extends that leads outside, "" for none.
func (l *lines) escapes() string {
	for key := range l.at {
		last := key[strings.LastIndexByte(key, '.')+1:]
		include := strings.HasPrefix(key, "include.") && (last == "env_file" || last == "project_directory" || last == "path")
		extends := strings.HasSuffix(key, ".extends.file")
		if (include || extends) && outside(l.scalar(key)) {
			return key
		}
	}
	return ""
}

func (l *lines) scalar(key string) string {
	n := l.root
	if len(n.Content) > 0 {
		n = n.Content[0]
	}
	for _, part := range strings.Split(key, ".") {
		next := (*yaml.Node)(nil)
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == part {
					next = n.Content[i+1]
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(part); err == nil && i < len(n.Content) {
				next = n.Content[i]
			}
		}
		if next == nil {
			return ""
		}
		n = next
	}
	return n.Value
}

// outside is whether a path of the repository leads out of it.
func outside(p string) bool {
	clean := path.Clean(p)
	return path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") || strings.HasPrefix(p, "~")
}

var lineNumber = regexp.MustCompile(`line (\d+)`)

// yamlLine is the line that an error of the parser speaks of, 0 for none.
func yamlLine(err error) int {
	m := lineNumber.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}
