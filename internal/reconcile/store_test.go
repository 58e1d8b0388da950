package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"offshoot/internal/store"
)

// storeFiles are those of a store that nothing was written to, by name. They
// are made once: bringing the schema up to date takes longer than most of what
// is tested here.
var storeFiles = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "store-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := store.Open(context.Background(), filepath.Join(dir, "offshoot.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
})

// newStore is an empty store in a folder; whoever asks closes it.
func newStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	files, err := storeFiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := writeSparse(filepath.Join(dir, name), content); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(context.Background(), filepath.Join(dir, "offshoot.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// writeSparse writes a file with holes where its content is zero: most of a store
// that nothing was written to is the room it keeps.
func writeSparse(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(int64(len(content)))
	const page = 4096
	var zero [page]byte
	for at := 0; at < len(content) && err == nil; at += page {
		part := content[at:min(at+page, len(content))]
		if !bytes.Equal(part, zero[:len(part)]) {
			_, err = f.WriteAt(part, int64(at))
		}
	}
	return errors.Join(err, f.Close())
}

// memoryDir is a folder in memory where there is one: these tests are about
// order, not about disks.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "reconcile-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
