package copytree

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Who writes to a folder while it is copied may put a link in the place of
// another folder: nothing is read through it.
func TestALinkThatComesMeanwhileIsNotFollowed(t *testing.T) {
	for _, strategy := range []Strategy{Plain, Reflink} {
		src, secret, dst := filepath.Join(t.TempDir(), "src"), t.TempDir(), filepath.Join(t.TempDir(), "dst")
		writeSource(t, src, 4096)
		for path, text := range map[string]string{filepath.Join(secret, "1", "table"): "hunter2", filepath.Join(src, "z"): "last"} {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		swap := func(rel string, _ fs.DirEntry) bool {
			if rel == "z" { // all else is listed
				if err := os.Rename(filepath.Join(src, "base"), filepath.Join(src, "was")); err != nil {
					t.Error(err)
				}
				if err := os.Symlink(secret, filepath.Join(src, "base")); err != nil {
					t.Error(err)
				}
			}
			return false
		}
		_, err := Copy(t.Context(), src, dst, Options{Strategy: strategy, Skip: swap, Live: true})
		if text, read := os.ReadFile(filepath.Join(dst, "base", "1", "table")); bytes.Contains(text, []byte("hunter2")) {
			t.Errorf("%s: what a link leads to was copied: %v, %v", strategy, err, read)
		}
		if err == nil {
			t.Errorf("%s: it is not said", strategy)
		}
	}
}
