package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

func TestWritesAreAllOrNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	refused := errors.New("refused")
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			err := s.Write(ctx, func(tx *store.Tx) error {
				if err := tx.PutSetting(ctx, fmt.Sprint(i), "v"); err != nil {
					return err
				}
				if v, ok, err := tx.Setting(ctx, fmt.Sprint(i)); v != "v" || !ok || err != nil {
					t.Errorf("a write does not see itself: %q %v %v", v, ok, err)
				}
				switch i % 4 {
				case 1:
					return refused
				case 2:
					panic("broken")
				}
				return nil
			})
			if (err == nil) != (i%4 == 0 || i%4 == 3) || i%4 == 1 && !errors.Is(err, refused) {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	all.Wait()
	for i := range 40 {
		_, found, err := s.Setting(ctx, fmt.Sprint(i))
		if want := i%4 == 0 || i%4 == 3; err != nil || found != want {
			t.Errorf("setting %d found %v (%v), want %v", i, found, err, want)
		}
	}
}

func TestSubscribersAreWokenAfterTheCommit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	woken, cancel := s.Subscribe()
	write(t, s, func(tx *store.Tx) error { _, err := tx.AppendEvent(ctx, staging.Event{Type: "x"}); return err })
	<-woken
	if events, err := s.Events(ctx, store.EventFilter{}); err != nil || len(events) != 1 {
		t.Errorf("events %v, %v", events, err)
	}
	cancel()
	if _, open := <-woken; open {
		t.Error("cancel does not close")
	}
	write(t, s, func(tx *store.Tx) error { return tx.PruneEvents(ctx, 100) })
	write(t, s, func(tx *store.Tx) error {
		if seq, err := tx.AppendEvent(ctx, staging.Event{}); seq != 2 || err != nil {
			t.Errorf("after pruning the number is %d, %v; want 2", seq, err)
		}
		return nil
	})
	last, _ := s.Subscribe()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range last { // the event of before may still wake it; only Close ends it
	}
	if s.Write(ctx, func(*store.Tx) error { return nil }) == nil {
		t.Error("a closed store takes writes")
	}
}

// TestMain is also the writer that TestKill ends without warning.
func TestMain(m *testing.M) {
	path := os.Getenv("STORE_WRITER")
	if path == "" {
		os.Exit(m.Run())
	}
	s, err := store.Open(ctx, path, quiet)
	for i := 0; err == nil; i++ {
		err = s.Write(ctx, func(tx *store.Tx) error { _, err := tx.AppendEvent(ctx, staging.Event{Type: "x"}); return err })
		fmt.Println("acknowledged")
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestKillLosesNothingThatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	acknowledged := 0
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "STORE_WRITER="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged++
			if n == 5+round*7 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		s := open(t, path)
		events, err := s.Events(ctx, store.EventFilter{Limit: 100000})
		if err != nil || len(events) < acknowledged {
			t.Fatalf("round %d: %d of %d acknowledged events are there, %v", round, len(events), acknowledged, err)
		}
		acknowledged = len(events)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s, err := store.Open(ctx, filepath.Join(b.TempDir(), "store.db"), quiet)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for b.Loop() {
		if err := s.Write(ctx, func(tx *store.Tx) error { return tx.PutSetting(ctx, "k", "v") }); err != nil {
			b.Fatal(err)
		}
	}
}

// TestWhoGivesUpTakesNobodyAlong holds that a write whose context ends while it
// is carried out spoils none of those that share its commit.
func TestWhoGivesUpTakesNobodyAlong(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	large := strings.Repeat("x", 1<<20)
	for round := range 60 {
		held, release := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { // while it is written the others queue up
			if err := s.Write(ctx, func(*store.Tx) error { close(held); <-release; return nil }); err != nil {
				t.Error(err)
			}
		})
		<-held
		gone, cancel := context.WithCancel(ctx)
		all.Go(func() {
			_ = s.Write(gone, func(tx *store.Tx) error {
				time.AfterFunc(time.Duration(round)*50*time.Microsecond, cancel)
				var err error
				for i := 0; i < 8 && err == nil; i++ {
					err = tx.PutSetting(gone, "large", large+fmt.Sprint(i))
				}
				return err
			})
		})
		for i := range 3 {
			all.Go(func() {
				if err := s.Write(ctx, func(tx *store.Tx) error { return tx.PutSetting(ctx, fmt.Sprint(i), fmt.Sprint(round)) }); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		close(release)
		all.Wait()
		cancel()
	}
}
