package copytree

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestWhatGoesMeanwhileIsLeftOut removes what a walk has listed and not yet
// reached, as a server does with its temporary files.
func TestWhatGoesMeanwhileIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c/d"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	err := files(t.Context(), dir, func(path string, _ fs.FileInfo) error {
		seen = append(seen, filepath.Base(path))
		return os.RemoveAll(filepath.Join(dir, "b")) // listed with the first, as the folder is
	})
	if err != nil || len(seen) != 2 || seen[0] != "a" || seen[1] != "d" {
		t.Errorf("%q, %v", seen, err)
	}
	if n, err := Size(t.Context(), dir); err != nil || n != int64(len("a")+len("c/d")) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := Size(t.Context(), filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("what is not there has a size: %v", err)
	}
}
