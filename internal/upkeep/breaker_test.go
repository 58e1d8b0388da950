package upkeep

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"offshoot/internal/staging"
)

func TestMassDeletionHaltsUntilAPersonHasLooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 30 {
			w.add(fmt.Sprintf("env_%02d", i), func(e *staging.Environment) {
				e.LastActivityAt = time.Now().Add(-73 * time.Hour)
				e.WarnedAt = time.Now().Add(-24 * time.Hour)
			})
		}
		s := w.started(t)
		pass(time.Minute)
		// 20 of those that were warned of always may.
		if len(w.went()) != 20 || w.told("sweeper.halted") != 1 {
			t.Errorf("%d went, %d alerts", len(w.went()), w.told("sweeper.halted"))
		}
		pass(50 * time.Hour)
		if len(w.went()) != 20 || w.told("sweeper.halted") != 1 {
			t.Errorf("it goes on by itself: %d went, %d alerts", len(w.went()), w.told("sweeper.halted"))
		}
		r, err := s.Sweep(t.Context(), Request{DryRun: true})
		if err != nil || r.Halted == "" {
			t.Errorf("%v: halted %q", err, r.Halted)
		}
		if tasks, _ := s.Tasks(t.Context()); !tasks[0].Late {
			t.Error("a halted sweeper is not late")
		}
		if r, err = s.Sweep(t.Context(), Request{GoOn: true}); err != nil || r.Halted != "" || len(w.went()) != 30 {
			t.Errorf("%v: halted %q, %d went", err, r.Halted, len(w.went()))
		}
	})
}

func TestTheBreakersBounds(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		population, want int
		warned           bool
	}{{8, 5, false}, {49, 5, false}, {60, 6, false}, {200, 20, false}, {8, 20, true}, {39, 20, true}, {100, 50, true}} {
		b := &breakerState{}
		passed := 0
		for i := range x.population + 30 {
			at := now.Add(time.Duration(i) * time.Second)
			if ok, _ := b.allow(at, fmt.Sprint(i), "cause", x.warned, x.population); ok {
				passed++
			}
		}
		if passed != x.want {
			t.Errorf("%d of %d went, want %d (warned %t)", passed, x.population, x.want, x.warned)
		}
		if ok, _ := b.allow(now, "other", "another cause", x.warned, x.population); !ok {
			t.Error("one cause stops another")
		}
	}
	// Slowly enough, any number may.
	b := &breakerState{}
	for i := range 100 {
		if ok, _ := b.allow(now.Add(time.Duration(i)*13*time.Minute), fmt.Sprint(i), "cause", false, 10); !ok {
			t.Fatalf("stopped at %d although it is slow", i)
		}
	}
	// What a person approved goes, and only that.
	b = &breakerState{}
	for i := range 8 {
		b.allow(now, fmt.Sprint(i), "cause", false, 10)
	}
	if n := b.goOn(); n != 3 {
		t.Errorf("%d waited", n)
	}
	for _, id := range []string{"5", "6", "7"} {
		if ok, _ := b.allow(now, id, "cause", false, 10); !ok {
			t.Errorf("%s was approved and may not go", id)
		}
	}
	for i := 10; i < 15; i++ {
		if ok, _ := b.allow(now, fmt.Sprint(i), "cause", false, 10); !ok {
			t.Errorf("%d is stopped right after a person looked", i)
		}
	}
	if ok, fresh := b.allow(now, "15", "cause", false, 10); ok || !fresh {
		t.Error("one look is for ever")
	}
}
