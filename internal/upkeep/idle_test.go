package upkeep

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"offshoot/internal/staging"
)

func TestTimeThatTheServerWasDownIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("env_a", nil)
		s := w.started(t)
		pass(20 * time.Minute)
		s.Stop()
		pass(5 * time.Hour)
		w.started(t)
		pass(9 * time.Minute)
		if len(w.asleep()) != 0 {
			t.Error("it sleeps as soon as the server is back")
		}
		pass(2 * time.Minute)
		if len(w.asleep()) != 1 {
			t.Error("it does not sleep")
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

func TestWhatRestsSleepsDeepAfterAsLongAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.rests = true
		w.add("env_a", nil)
		w.add("env_soon", nil)
		w.stacks["env_soon"] = &staging.Stack{Sleep: staging.Sleep{After: 10 * time.Minute}}
		w.add("env_person", func(e *staging.Environment) { e.Awake, e.Phase, e.AsleepBy = false, staging.PhaseAsleep, "alice" })
		w.started(t)
		pass(19 * time.Minute)
		if fmt.Sprint(w.asleep()) != "[env_soon]" || len(w.deepened()) != 0 {
			t.Errorf("%v sleep, %v deep", w.asleep(), w.deepened())
		}
		pass(2 * time.Minute)
		if fmt.Sprint(w.deepened()) != "[env_soon]" {
			t.Errorf("%v sleep deep", w.deepened())
		}
		pass(38 * time.Minute)
		if fmt.Sprint(w.asleep()) != "[env_soon env_a]" || len(w.deepened()) != 1 {
			t.Errorf("%v sleep, %v deep", w.asleep(), w.deepened())
		}
		pass(2 * time.Minute)
		if fmt.Sprint(w.deepened()) != "[env_soon env_a]" {
			t.Errorf("%v sleep deep", w.deepened())
		}
	})
}

func TestWhatRestsSleepsDeepWhenMemoryIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.rests = true
		w.add("env_a", nil)
		w.started(t)
		pass(31 * time.Minute)
		if len(w.asleep()) != 1 || len(w.deepened()) != 0 {
			t.Errorf("%v sleep, %v deep", w.asleep(), w.deepened())
		}
		w.mu.Lock()
		w.short = true
		w.mu.Unlock()
		pass(time.Minute)
		if len(w.deepened()) != 1 {
			t.Error("it keeps its memory")
		}
	})
}
