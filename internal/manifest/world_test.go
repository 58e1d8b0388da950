package manifest_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"offshoot/internal/manifest"
	"offshoot/internal/staging"
)

// corpus is a folder that tools/corpus/fetch has filled.
var corpus = flag.String("corpus", "", "the folder of tools/corpus/fetch: read what is listed there, and hold the verdicts")

const (
	worldList     = "testdata/world/list.tsv"
	worldVerdicts = "testdata/world/verdicts.tsv"
)

// lines are the rows of a table, its comments apart.
func lines(t *testing.T, name string) [][]string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") {
			list = append(list, strings.Split(line, "\t"))
		}
	}
	return list
}

// TestWorld reads published Compose files for both platforms: none may fail
// otherwise than by a refusal with a place and a reason, and the verdicts are
// those that are recorded.
func TestWorld(t *testing.T) {
	if *corpus == "" {
		t.Skip("SKIP: no -corpus; tools/corpus/fetch DIR fills one")
	}
	var got strings.Builder
	got.WriteString("# repository\tfile\ton Docker\tas processes\n")
	for _, row := range lines(t, worldList) {
		repository, file := row[0], row[2]
		dir := filepath.Join(*corpus, repository)
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Errorf("%s: %v", repository, err)
			continue
		}
		verdict := map[string]string{}
		for _, platform := range []string{"docker", "process"} {
			verdict[platform] = judged(t, dir, file, platform)
		}
		fmt.Fprintf(&got, "%s\t%s\t%s\t%s\n", repository, file, verdict["docker"], verdict["process"])
	}
	if t.Failed() {
		return
	}
	if *update {
		if err := os.WriteFile(worldVerdicts, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want, err := os.ReadFile(worldVerdicts); err != nil || string(want) != got.String() {
		t.Errorf("other verdicts than are recorded (%v); -update writes them. Got:\n%s", err, got.String())
	}
}

// judged is unchanged, with notes, or refused with each reason once. What a file
// demands of its environment, as the version of an image, it is given.
func judged(t *testing.T, dir, file, platform string) string {
	t.Helper()
	o := manifest.Options{ComposeFile: file, Platform: platform, Variables: given(dir, file)}
	r, err := manifest.Load(t.Context(), dir, o)
	for range 3 { // a demand may hide others
		for _, n := range r.Notes {
			if n.Kind == staging.NoteRefused && strings.Contains(n.Message, "demands a value") {
				o.Variables[n.Key] = "1"
			}
			if n.Kind == staging.NoteRefused && strings.Contains(n.Message, "is no name of an image") {
				for _, name := range r.Unset {
					o.Variables[name] = "1"
				}
			}
		}
		r, err = manifest.Load(t.Context(), dir, o)
	}
	var e *staging.Error
	if err != nil && (!errors.As(err, &e) || e.Failure == nil) {
		t.Fatalf("%s %s: %v", dir, file, err)
	}
	var reasons []string
	for _, n := range r.Notes {
		if n.Kind == staging.NoteRefused {
			reasons = append(reasons, reason(n))
		}
	}
	slices.Sort(reasons)
	switch {
	case err != nil:
		return "refused: " + strings.Join(slices.Compact(reasons), "; ")
	case len(r.Notes)+len(r.Unset) > 0:
		return "with notes"
	}
	return "unchanged"
}

// given is what a team that follows its own instructions sets: the example of
// its variables that lies beside the file.
func given(dir, file string) map[string]string {
	for _, folder := range []string{path.Dir(file), "."} {
		for _, name := range []string{".env.example", ".env.sample", ".env.dist", ".env.template", ".env-example", "env.example", "template.env"} {
			if f, err := os.Open(filepath.Join(dir, folder, name)); err == nil {
				values, err := dotenv.ParseWithLookup(f, func(string) (string, bool) { return "", false })
				_ = f.Close()
				if err == nil {
					return values
				}
			}
		}
	}
	return map[string]string{}
}

var (
	quoted  = regexp.MustCompile(`"[^"]*"|\S*/\S*`)
	ofNames = regexp.MustCompile(`^(services|volumes|configs|secrets)\.[^.]+`)
	numbers = regexp.MustCompile(`\.\d+`)
)

// reason is why something was refused, names of the stack's own left out.
func reason(n staging.Note) string {
	key := numbers.ReplaceAllString(ofNames.ReplaceAllString(n.Key, "$1.NAME"), "")
	switch {
	case strings.Contains(n.Message, "no way to run as a process: it is the image"):
		return "an image"
	case strings.Contains(n.Message, "no way to run as a process"):
		return "no command"
	case strings.HasPrefix(n.Message, "mount "):
		_, why, _ := strings.Cut(n.Message, " is not allowed: ")
		return "mount: " + cmp.Or(why, n.Message)
	}
	message := n.Message
	if name, _, ok := strings.Cut(strings.TrimPrefix(key, "services.NAME."), "."); ok || name != "" {
		message = strings.TrimPrefix(message, "service "+strings.TrimPrefix(n.Key, "services.")+" ")
	}
	return key + ": " + quoted.ReplaceAllString(message, "…")
}
