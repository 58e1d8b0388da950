package manifest_test

import (
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"offshoot/internal/manifest"
)

// TestManyAreReadAtOnce is for the race detector: a server reads the stacks of
// several environments at the same time.
func TestManyAreReadAtOnce(t *testing.T) {
	a, err := txtar.ParseFile("testdata/stack/include.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir, o := repository(t, a)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if r, err := manifest.Load(t.Context(), dir, o); err != nil || len(r.Stack.Services) != 2 {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
}
