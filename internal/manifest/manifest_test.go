package manifest_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"

	"offshoot/internal/manifest"
	"offshoot/internal/staging"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

// wanted is the file of an archive that holds what is expected of processes,
// onDocker the one with what is otherwise on Docker.
const (
	wanted   = "-want-"
	onDocker = "-docker-"
)

// TestStacks reads each archive as a repository: its comment may hold lines
// variable K=V, secret K, compose-file F, link NAME TARGET and untracked PATH.
func TestStacks(t *testing.T) {
	files, err := filepath.Glob("testdata/stack/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			golden(t, file, func(dir string, o manifest.Options) string {
				r, err := manifest.Load(t.Context(), dir, o)
				buildable(t, dir, r.Stack)
				return shown(r, err, true)
			})
		})
	}
}

func golden(t *testing.T, file string, got func(dir string, o manifest.Options) string) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir, o := repository(t, a)
	have := map[string]string{wanted: got(dir, o)}
	o.Platform = "docker"
	have[onDocker] = string(diff.Diff("process", []byte(have[wanted]), "docker", []byte(got(dir, o))))
	want := map[string]string{}
	kept := a.Files[:0:0]
	for _, f := range a.Files {
		if f.Name == wanted || f.Name == onDocker {
			want[f.Name] = string(f.Data)
			continue
		}
		kept = append(kept, f)
	}
	if *update {
		a.Files = kept
		for _, name := range []string{wanted, onDocker} {
			if have[name] != "" {
				a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(have[name])})
			}
		}
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, name := range []string{wanted, onDocker} {
		if have[name] != want[name] {
			t.Errorf("%s: got:\n%s\nwant:\n%s", name, have[name], want[name])
		}
	}
}

// buildable gives each image the Dockerfile that an archive leaves out: most are
// about other things.
func buildable(t *testing.T, dir string, s *staging.Stack) {
	t.Helper()
	for _, v := range slices.Concat(s.Services, s.OneShots) {
		if v.ImageBuild == nil {
			continue
		}
		file := filepath.Join(dir, v.ImageBuild.Context, cmp.Or(v.ImageBuild.Dockerfile, "Dockerfile"))
		if _, err := os.Stat(file); err == nil || os.MkdirAll(filepath.Dir(file), 0o755) != nil {
			continue
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func repository(t *testing.T, a *txtar.Archive) (string, manifest.Options) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range a.Files {
		if f.Name == wanted || f.Name == onDocker {
			continue
		}
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := manifest.Options{Variables: map[string]string{}}
	untracked := map[string]bool{}
	for line := range strings.Lines(string(a.Comment)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "variable":
			k, v, _ := strings.Cut(words[1], "=")
			o.Variables[k] = v
		case len(words) == 2 && words[0] == "secret":
			o.Secrets = append(o.Secrets, words[1])
		case len(words) == 2 && words[0] == "compose-file":
			o.ComposeFile = words[1]
		case len(words) == 2 && words[0] == "untracked":
			untracked[words[1]] = true
		case len(words) == 3 && words[0] == "link":
			if err := os.Symlink(words[2], filepath.Join(dir, words[1])); err != nil {
				t.Fatal(err)
			}
		}
	}
	o.Judge = func(key, value string, names []string) error {
		if _, host, ok := strings.Cut(value, "foreign://"); ok && !slices.Contains(names, host) {
			return staging.Errorf("policy", "allow it", "%s is foreign", key)
		}
		return nil
	}
	o.Tracked = func(p string) bool {
		_, err := os.Lstat(filepath.Join(dir, p))
		return err == nil && !untracked[p]
	}
	return dir, o
}

// shown is a result as people compare it: the stack, then a line a note.
func shown(r *manifest.Result, err error, stack bool) string {
	var b strings.Builder
	if err != nil {
		var e *staging.Error
		if !errors.As(err, &e) {
			return "error: " + err.Error() + "\n"
		}
		fmt.Fprintf(&b, "%s: %s\n", e.Code, e.Message)
	} else if stack {
		text := &bytes.Buffer{}
		encode := json.NewEncoder(text)
		encode.SetIndent("", " ")
		encode.SetEscapeHTML(false)
		if err := encode.Encode(r.Stack); err != nil {
			return err.Error()
		}
		b.Write(text.Bytes())
	}
	if !stack && err == nil {
		fmt.Fprintf(&b, "runs: %s\n", summary(r.Stack))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "%s %s:%d %s: %s", n.Kind, n.File, n.Line, n.Key, n.Message)
		if n.Hint != "" && stack {
			fmt.Fprintf(&b, " (%s)", n.Hint)
		}
		b.WriteString("\n")
	}
	if len(r.Unset) > 0 {
		fmt.Fprintf(&b, "unset %s\n", strings.Join(r.Unset, " "))
	}
	return b.String()
}

func summary(s *staging.Stack) string {
	var list []string
	for _, v := range s.Services {
		list = append(list, v.Name)
	}
	for _, d := range s.Datastores {
		list = append(list, d.Kind+" "+d.Name)
	}
	for _, t := range s.Release {
		list = append(list, "release "+t.Name)
	}
	for _, v := range s.Volumes {
		list = append(list, "volume "+v.Name)
	}
	return strings.Join(list, ", ")
}
