package source_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/source"
)

// TestMirrorsArePacked holds that what many fetches left becomes one pack, with
// what no branch has any more.
func TestMirrorsArePacked(t *testing.T) {
	r, m := newRepository(t), mirrors(t)
	repo := source.Repository{Project: "shop", Remote: r.dir}
	lost := r.commit("lost", "x")
	if err := m.Fetch(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	r.git("checkout", "-q", "--orphan", "fresh")
	r.git("branch", "-q", "-D", "main")
	for n := range 20 {
		for i := range 90 { // fewer than Git makes a pack of
			if err := os.WriteFile(filepath.Join(r.dir, fmt.Sprintf("%d-%d", n, i)), fmt.Append(nil, n, i), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r.commit("last", fmt.Sprint(n))
		if err := m.Fetch(t.Context(), repo); err != nil {
			t.Fatal(err)
		}
	}
	dir := m.Dir("shop")
	loose := func() (n int) {
		_ = filepath.WalkDir(filepath.Join(dir, "objects"), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && !strings.Contains(path, "/pack/") && !strings.Contains(path, "/info/") {
				n++
			}
			return nil
		})
		return n
	}
	if n := loose(); n < 1500 {
		t.Fatalf("only %d objects lie about", n)
	}
	if err := m.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := loose(); n > 100 {
		t.Errorf("%d objects still lie about", n)
	}
	if err := m.Checkout(t.Context(), "shop", lost, filepath.Join(t.TempDir(), "lost")); err != nil {
		t.Errorf("a commit that no branch has any more: %v", err)
	}
}
