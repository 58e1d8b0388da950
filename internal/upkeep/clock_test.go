package upkeep

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pass lets that much time go by on the bubble's clock.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAClockThatIsSetSuspendsSweeping(t *testing.T) {
	for _, by := range []time.Duration{1000 * time.Hour, 6 * time.Minute, -6 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.add("env_a", nil)
			s := w.started(t)
			pass(time.Hour)
			w.mu.Lock()
			w.set = by
			w.mu.Unlock()
			pass(100 * time.Hour)
			if len(w.went()) != 0 || w.told("sweeper.suspended") != 1 {
				t.Errorf("%s: %v went, told %d times", by, w.went(), w.told("sweeper.suspended"))
			}
			r, err := s.Sweep(t.Context(), Request{DryRun: true})
			if err != nil || !strings.Contains(r.Halted, "clock") {
				t.Errorf("%v %q", err, r.Halted)
			}
			if _, err := s.Sweep(t.Context(), Request{GoOn: true}); err != nil || len(w.went()) != 1 {
				t.Errorf("%s: after a person looked: %v, %v went", by, err, w.went())
			}
		})
	}
}

func TestAClockThatComesBackLetsSweepingGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.started(t)
		for _, by := range []time.Duration{48 * time.Hour, 0} {
			w.mu.Lock()
			w.set = by
			w.mu.Unlock()
			pass(2 * time.Minute)
		}
		if why, err := s.halted(t.Context()); err != nil || why != "" || w.told("sweeper.resumed") != 1 {
			t.Errorf("%v %q", err, why)
		}
	})
}

func TestASmallStepOfTheClockIsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.started(t)
		for range 10 {
			w.mu.Lock()
			w.set += 4 * time.Minute
			w.mu.Unlock()
			pass(2 * time.Minute)
		}
		if w.told("sweeper.suspended") != 0 {
			t.Error("suspended")
		}
	})
}
