package store

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"offshoot/internal/staging"
)

// TestASoonWriteWaitsForNoDisk holds that everybody sees it at once, that the
// disk hears of it a moment later all the same, and that others wait.
func TestASoonWriteWaitsForNoDisk(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "s.db")
	s, err := Open(ctx, path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, write func(context.Context, func(*Tx) error) error, synchronous int) {
		t.Helper()
		if err := write(ctx, func(tx *Tx) error { return tx.PutProject(ctx, staging.Project{Name: name}) }); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Project(ctx, name); err != nil {
			t.Fatal(err)
		}
		var level int
		if err := s.writer.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level); err != nil || level != synchronous {
			t.Errorf("%s was written with synchronous=%d, %v; want %d", name, level, err, synchronous)
		}
	}
	const normal, full = 1, 2 // sqlite.org/pragma.html#pragma_synchronous
	put("a", s.WriteSoon, normal)
	for deadline := time.Now().Add(10 * time.Second); s.unsettled.Load(); {
		if time.Now().After(deadline) {
			t.Fatal("the disk never hears of it")
		}
		<-time.After(time.Millisecond)
	}
	put("b", s.Write, full)
	put("c", s.WriteSoon, normal)
	none := errors.New("no")
	if err := s.WriteSoon(ctx, func(tx *Tx) error {
		return errors.Join(tx.PutProject(ctx, staging.Project{Name: "d"}), none)
	}); !errors.Is(err, none) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(ctx, path, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	list, err := s.Projects(ctx)
	if err != nil || len(list) != 3 {
		t.Errorf("%d are there, %v", len(list), err)
	}
}
