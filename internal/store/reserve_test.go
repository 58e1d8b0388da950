package store

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// The room is there after the first start and does not grow with each.
func TestRoomIsReservedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	sizes := func() (db, log int64) {
		t.Helper()
		a, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return a.Size(), b.Size()
	}
	var before int64
	for range 3 {
		s, err := Open(t.Context(), path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		db, log := sizes()
		if db < reserved || log < reserved || log > 2*reserved || before != 0 && db != before {
			t.Errorf("a file of %d and a log of %d bytes; the file had %d", db, log, before)
		}
		before = db
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, log := sizes(); log < reserved {
			t.Errorf("%d bytes of the log stay", log)
		}
	}
}
