package manifest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"offshoot/internal/manifest"
	"offshoot/internal/staging"
)

// TestWrittenGuessesLeaveNothingToGuess reads each archive, writes what was
// guessed, and reads again: the same stack, and no guess.
func TestWrittenGuessesLeaveNothingToGuess(t *testing.T) {
	files, err := filepath.Glob("testdata/stack/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dir, o := repository(t, a)
		before, err := manifest.Load(t.Context(), dir, o)
		if err != nil {
			continue
		}
		text, err := before.Overlay()
		if err != nil {
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		written++
		if err := os.WriteFile(filepath.Join(dir, manifest.OverlayName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		after, err := manifest.Load(t.Context(), dir, o)
		if err != nil {
			t.Errorf("%s: %v\n%s", file, err, text)
			continue
		}
		for _, n := range after.Notes {
			if n.Kind == staging.NoteGuessed {
				t.Errorf("%s: still guessed: %s\n%s", file, n.Message, text)
			}
		}
		elsewhere := cmpopts.IgnoreFields(staging.Service{}, "File", "Line", "ImageBuild", "Container", "ImageCommand")
		if diff := cmp.Diff(before.Stack.Services, after.Stack.Services, elsewhere, cmpopts.EquateEmpty(), cmp.Comparer(sameCommand)); diff != "" {
			t.Errorf("%s: another stack:\n%s\n%s", file, diff, text)
		}
		if len(before.Stack.Build) > 0 && len(after.Stack.Build) == 0 || !cmp.Equal(caches(before.Stack), caches(after.Stack)) {
			t.Errorf("%s: another build:\n%v\n%v", file, before.Stack.Build, after.Stack.Build)
		}
	}
	if written < 4 {
		t.Errorf("only %d archives leave something to guess", written)
	}
}

func sameCommand(a, b staging.Command) bool {
	return a.Shell == b.Shell && strings.Join(a.Args, "\x00") == strings.Join(b.Args, "\x00")
}

func caches(s *staging.Stack) (list []string) {
	for _, b := range s.Build {
		list = append(list, b.Cache...)
	}
	return list
}
