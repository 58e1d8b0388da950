package reconcile_test

import (
	"os"
	"strings"
	"testing"

	"offshoot/internal/copytree"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
)

// Whoever has a tree that cannot be copied is told where it begins, not four
// thousand characters of it.
func TestWhatLiesTooDeepIsSaid(t *testing.T) {
	at, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	top := at.Name()
	for range 25 {
		name := strings.Repeat("d", 200)
		if err := at.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		below, err := at.OpenRoot(name)
		if err != nil {
			t.Fatal(err)
		}
		_ = at.Close()
		at = below
	}
	_ = at.Close()
	_, err = copytree.Size(t.Context(), top)
	err = reconcile.TooDeep(err)
	if staging.CodeOf(err) != staging.ClassCode(staging.ClassData) || !strings.Contains(err.Error(), "nested deeper than a path may be long") || len(err.Error()) > 300 {
		t.Errorf("%v", err)
	}
}
