package upkeep

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"offshoot/internal/staging"
)

// pass lets that much time go by on the bubble's clock.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAnEnvironmentIsWarnedOfThenDestroyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("env_a", nil)
		w.add("env_pinned", func(e *staging.Environment) { e.Pinned = true })
		w.add("env_shared", func(e *staging.Environment) { e.Kind = staging.KindShared })
		w.add("env_short", func(e *staging.Environment) { e.TTL = 3 * time.Hour })
		w.started(t)
		pass(119 * time.Minute)
		if w.told("environment.expiring") != 0 {
			t.Error("warned too early")
		}
		pass(2 * time.Minute) // a third of 3 h before its end
		if w.told("environment.expiring") != 1 || w.env("env_short").WarnedAt.IsZero() {
			t.Errorf("the short one was not warned of")
		}
		pass(58 * time.Minute)
		if len(w.went()) != 0 {
			t.Errorf("%v went before its end", w.went())
		}
		pass(2 * time.Minute)
		if fmt.Sprint(w.went()) != "[env_short]" {
			t.Errorf("went: %v", w.went())
		}
		pass(72*time.Hour - 3*time.Hour - 2*time.Minute)
		if fmt.Sprint(w.went()) != "[env_short]" {
			t.Errorf("went: %v", w.went())
		}
		pass(10 * time.Minute)
		if fmt.Sprint(w.went()) != "[env_short env_a]" || w.told("environment.expiring") != 2 {
			t.Errorf("went: %v, warned %d times", w.went(), w.told("environment.expiring"))
		}
		pass(1000 * time.Hour)
		if len(w.went()) != 2 {
			t.Errorf("went: %v", w.went())
		}
	})
}

func TestActivityAndExtendingTakeTheWarningBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("env_a", nil)
		w.started(t)
		pass(50 * time.Hour)
		if w.env("env_a").WarnedAt.IsZero() {
			t.Fatal("not warned of")
		}
		w.mu.Lock()
		w.active["env_a"] = time.Now()
		w.mu.Unlock()
		pass(47 * time.Hour) // 97 h after the first use
		if len(w.went()) != 0 || w.told("environment.expiring") != 1 {
			t.Errorf("%v went, %d warnings", w.went(), w.told("environment.expiring"))
		}
		pass(2 * time.Hour)
		if w.told("environment.expiring") != 2 {
			t.Error("not warned of again")
		}
		w.mu.Lock()
		e := w.envs["env_a"]
		e.ExtendedTo, e.WarnedAt = time.Now().Add(240*time.Hour), time.Time{}
		w.envs["env_a"] = e
		w.mu.Unlock()
		pass(215 * time.Hour)
		if len(w.went()) != 0 || w.told("environment.expiring") != 2 {
			t.Errorf("%v went, %d warnings", w.went(), w.told("environment.expiring"))
		}
		pass(30 * time.Hour)
		if len(w.went()) != 1 {
			t.Error("an extension is for ever")
		}
	})
}

func TestTimeThatTheServerWasDownDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("env_a", nil)
		s := w.started(t)
		pass(40 * time.Hour)
		s.Stop()
		pass(500 * time.Hour)
		if end := w.service().Expires(w.projects[0], w.env("env_a")); time.Now().Before(end) {
			t.Error("the test proves nothing")
		}
		s = w.started(t)
		synctest.Wait()
		if left := time.Until(s.Expires(w.projects[0], w.env("env_a"))); left < 31*time.Hour || left > 33*time.Hour {
			t.Errorf("%s left", left)
		}
		pass(9 * time.Hour) // warned of, and down again
		if w.told("environment.expiring") != 1 {
			t.Fatal("not warned of")
		}
		s.Stop()
		pass(500 * time.Hour)
		w.started(t)
		pass(22 * time.Hour)
		if len(w.went()) != 0 {
			t.Error("swept although its owner could not have used it")
		}
		pass(2 * time.Hour)
		if len(w.went()) != 1 {
			t.Error("not swept")
		}
	})
}

// What was due while the server was down is warned of first.
func TestNothingIsSweptUnwarned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("env_a", nil)
		e := w.env("env_a")
		e.LastActivityAt = time.Now().Add(-1000 * time.Hour)
		w.envs["env_a"] = e
		w.started(t)
		pass(23 * time.Hour)
		if len(w.went()) != 0 || w.told("environment.expiring") != 1 {
			t.Errorf("%v went, %d warnings", w.went(), w.told("environment.expiring"))
		}
		pass(2 * time.Hour)
		if len(w.went()) != 1 {
			t.Error("not swept")
		}
	})
}

func TestASessionKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("env_a", nil)
		w.sessions["env_a"] = true
		w.started(t)
		pass(100 * time.Hour)
		if len(w.went()) != 0 || w.told("environment.expiring") != 0 {
			t.Errorf("%v", w.went())
		}
	})
}

func TestADryRunOnlySays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("env_due", func(e *staging.Environment) {
			e.LastActivityAt = time.Now().Add(-73 * time.Hour)
			e.WarnedAt = time.Now().Add(-24 * time.Hour)
		})
		w.add("env_old", func(e *staging.Environment) { e.LastActivityAt = time.Now().Add(-50 * time.Hour) })
		w.add("env_new", nil)
		w.add("env_pinned", func(e *staging.Environment) { e.Pinned = true })
		w.add("env_shared", func(e *staging.Environment) { e.Kind = staging.KindShared })
		w.add("env_going", func(e *staging.Environment) { e.DeleteRequestedAt = time.Now() })
		s := w.service()
		r, err := s.Sweep(t.Context(), Request{DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]Action{"env_due": Destroy, "env_old": Warn, "env_new": Keep, "env_pinned": Keep, "env_shared": Keep, "env_going": Keep}
		for _, v := range r.Items {
			if v.Action != want[v.Environment.ID] || v.Reason == "" {
				t.Errorf("%s: %s because %q", v.Environment.ID, v.Action, v.Reason)
			}
			if forever := v.DueAt.IsZero(); forever != (v.Action == Keep && v.Environment.ID != "env_new") {
				t.Errorf("%s is due at %s", v.Environment.ID, v.DueAt)
			}
			delete(want, v.Environment.ID)
		}
		if len(want) != 0 || len(w.went()) != 0 || w.told("environment.expiring") != 0 {
			t.Errorf("no line for %v; went %v", want, w.went())
		}
		if _, err := s.Sweep(t.Context(), Request{}); err != nil || fmt.Sprint(w.went()) != "[env_due]" || w.told("environment.expiring") != 1 {
			t.Errorf("%v; went %v", err, w.went())
		}
	})
}

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

func TestIdleEnvironmentsSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("env_a", nil)
		w.add("env_degraded", func(e *staging.Environment) { e.Phase = staging.PhaseDegraded })
		w.add("env_deploying", func(e *staging.Environment) { e.Phase = staging.PhaseDeploying })
		w.add("env_never", nil)
		w.stacks["env_never"] = &staging.Stack{Sleep: staging.Sleep{Never: true}}
		w.add("env_soon", nil)
		w.stacks["env_soon"] = &staging.Stack{Sleep: staging.Sleep{After: 10 * time.Minute}}
		w.add("env_socket", nil)
		w.open["env_socket"] = 1
		w.add("env_shared", func(e *staging.Environment) { e.Kind = staging.KindShared })
		w.add("env_woken", func(e *staging.Environment) { e.AwakeSince = time.Now().Add(20 * time.Minute) })
		w.started(t)
		pass(9 * time.Minute)
		if len(w.asleep()) != 0 {
			t.Errorf("%v sleep", w.asleep())
		}
		pass(2 * time.Minute)
		if fmt.Sprint(w.asleep()) != "[env_soon]" {
			t.Errorf("%v sleep", w.asleep())
		}
		pass(20 * time.Minute)
		if fmt.Sprint(w.asleep()) != "[env_soon env_a env_degraded]" {
			t.Errorf("%v sleep", w.asleep())
		}
		pass(20 * time.Minute)
		if fmt.Sprint(w.asleep()) != "[env_soon env_a env_degraded env_woken]" {
			t.Errorf("%v sleep", w.asleep())
		}
	})
}
