package foreign

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWhatSomebodyElseMayHavePutThere(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "file"), "text")
	write(filepath.Join(dir, "large"), strings.Repeat("x", 1025))
	write(filepath.Join(outside, "key"), "secret")
	for name, target := range map[string]string{"near": "file", "far": filepath.Join(outside, "key"), "up": "../" + filepath.Base(outside) + "/key", "gone": "none"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	for name, want := range map[string]string{
		"file": "text", "near": "text", "large": "large is larger than 1 kB", "far": "escapes", "up": "escapes", "gone": "no such file",
		"pipe": "pipe is not a file", ".": "is not a file", "none": "no such file",
	} {
		text, err := Read(root, name, 1024)
		switch {
		case err == nil && string(text) != want:
			t.Errorf("%s: %q", name, text)
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
