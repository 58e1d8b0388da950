package copytree

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestCopyIsWholeOrAbsent(t *testing.T) {
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	if err := os.MkdirAll(filepath.Join(src, "sub"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "sub", "a"), []byte("hello"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Copy(ended, src, dst, Options{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled copy: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Fatalf("a cancelled copy left %v", entries)
	}
	result, err := Copy(t.Context(), src, dst, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dst, "sub", "a"))
	if err != nil || string(got) != "hello" || result.Bytes != 5 || result.Files != 1 {
		t.Fatalf("copy: %q %v %+v", got, err, result)
	}
	if target, err := os.Readlink(filepath.Join(dst, "link")); err != nil || target != "/etc/passwd" {
		t.Fatalf("link: %q %v", target, err)
	}
	info, err := os.Stat(filepath.Join(dst, "sub"))
	if err != nil || info.Mode().Perm() != 0o750 {
		t.Fatalf("mode: %v %v", info, err)
	}
	if _, err := Copy(t.Context(), src, dst, Options{}); !errors.Is(err, os.ErrExist) {
		t.Fatalf("second copy: %v", err)
	}
}
