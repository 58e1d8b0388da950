package upkeep

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"offshoot/internal/staging"
)

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
