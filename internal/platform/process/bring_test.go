//go:build linux

package process

import (
	"os"
	"path/filepath"
	"testing"
)

// What a build left is found where the data folder is itself a link, as in a
// pool, and a link that the build made leads to nothing.
func TestKeptFoldersAreBroughtThroughNoLinkOfABuild(t *testing.T) {
	dir := t.TempDir()
	outside := t.TempDir()
	for _, d := range []string{"pool/artifact/node_modules", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"artifacts": "pool", "pool/artifact/out": outside, "pool/artifact/deep": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	artifact, work := filepath.Join(dir, "artifacts", "artifact"), filepath.Join(dir, "work")
	for rel, want := range map[string]bool{"node_modules": true, "out": false, "deep/artifact/node_modules": false, "missing": false} {
		if got, err := bring(t.Context(), artifact, work, rel, 0); err != nil || got != want {
			t.Errorf("%s: %t, %v", rel, got, err)
		}
	}
}
