package postgres

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"offshoot/internal/copytree"
)

// spareRig has a golden copy, on a file system of any kind.
func spareRig(t *testing.T) (s *spares, golden string) {
	t.Helper()
	root := t.TempDir()
	golden = filepath.Join(root, "snap_a", "snapshot", "db")
	if err := os.MkdirAll(filepath.Join(golden, "data", "base"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"PG_VERSION": "15", "base/1": "rows", "postmaster.pid": "1"} {
		if err := os.WriteFile(filepath.Join(golden, "data", name), []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	s = newSpares(root, func() bool { return true })
	s.cheap = func(string) bool { return true }
	return s, golden
}

// A spare is a copy like any other, and is used once.
func TestSpares(t *testing.T) {
	s, golden := spareRig(t)
	at := func(name string) string { return filepath.Join(s.golden, name) }
	if _, ok := s.take(golden, at("none"), 0, 0); ok {
		t.Fatal("a spare out of nothing")
	}
	s.fill(t.Context()) // it was asked for
	for _, name := range []string{"first", "second"} {
		r, ok := s.take(golden, at(name), 0, 0)
		if !ok || r.Bytes == 0 || r.Strategy == "" {
			t.Fatalf("%s: %+v %v", name, r, ok)
		}
		if text, err := os.ReadFile(filepath.Join(at(name), "base", "1")); err != nil || string(text) != "rows" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if err := os.WriteFile(filepath.Join(at(name), "base", "1"), []byte("other"), 0o600); err != nil {
			t.Errorf("%s cannot be written to: %v", name, err)
		}
		if _, err := os.Lstat(filepath.Join(at(name), "postmaster.pid")); err == nil {
			t.Error("it has the word of a server that is gone")
		}
	}
	if _, ok := s.take(golden, at("third"), 0, 0); ok {
		t.Error("a spare was used twice")
	}
	if _, ok := s.take(filepath.Join(filepath.Dir(s.golden), "aside", "db"), at("x"), 0, 0); ok || len(s.wanted) != 1 {
		t.Error("what is no golden copy is copied ahead")
	}
	s.cheap = func(string) bool { return false }
	if s.fill(t.Context()); exists(filepath.Join(spareOf(golden), "0")) {
		t.Error("made ahead although it costs space")
	}
}

// Spares that nobody takes go, all go where the disk is full, and one that is
// made when its snapshot goes leaves nothing.
func TestSparesGo(t *testing.T) {
	s, golden := spareRig(t)
	dir := spareOf(golden)
	fill := func() {
		t.Helper()
		s.want(golden)
		s.fill(t.Context())
		if !exists(filepath.Join(dir, "0")) {
			t.Fatal("none was made")
		}
	}
	fill()
	if s.tidy(); !exists(filepath.Join(dir, "0")) {
		t.Error("a fresh one is gone")
	}
	past := time.Now().Add(-sparesFor - time.Minute)
	if err := os.Chtimes(dir, past, past); err != nil {
		t.Fatal(err)
	}
	if s.tidy(); exists(dir) {
		t.Error("an old one is kept")
	}
	fill()
	s.room = func() bool { return false }
	if s.tidy(); exists(dir) {
		t.Error("one is kept although the disk is full")
	}
	s.room = func() bool { return true }
	if err := copytree.Remove(filepath.Join(s.golden, "snap_a")); err != nil {
		t.Fatal(err)
	}
	s.want(golden)
	if s.fill(t.Context()); exists(filepath.Join(s.golden, "snap_a")) {
		t.Error("the folder of a snapshot that is gone is back")
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
