package manifest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/manifest"
)

// TestCorpus reads reductions of Compose files that people have published (see
// testdata/corpus/SOURCES.md): each runs, or is refused and says where and why.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/*.txtar")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			golden(t, file, func(dir string, o manifest.Options) string {
				r, err := manifest.Load(t.Context(), dir, o)
				buildable(t, dir, r.Stack)
				text := shown(r, err, false)
				for line := range strings.Lines(text) {
					if strings.HasPrefix(line, "refused ") && (strings.Contains(line, ":0 ") && !strings.Contains(line, "no service is left") || strings.HasSuffix(line, ": \n")) {
						t.Errorf("a refusal without a place or reason: %s", line)
					}
				}
				if strings.HasPrefix(text, "error: ") {
					t.Errorf("not a refusal: %s", text)
				}
				return text
			})
		})
	}
}
