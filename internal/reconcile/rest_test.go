package reconcile_test

import (
	"maps"
	"testing"

	"offshoot/internal/fault"
	fakeplatform "offshoot/internal/platform/fake"
	"offshoot/internal/staging"
)

// resting is a world whose environment nobody used for a while.
func resting(t *testing.T) *world {
	w := newWorld(t)
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	w.edit(func(e *staging.Environment) { e.Awake, e.AsleepBy = false, staging.AsleepIdle })
	w.phase(staging.PhaseAsleep)
	return w
}

// TestWhatNobodyUsesGoesOnWhereItWas holds that what rests is woken without a
// start, and that it goes when nobody came for long.
func TestWhatNobodyUsesGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	w := resting(t)
	starts := w.platform.Starts()
	if n := len(w.platform.Paused()); n != 2 {
		t.Errorf("%d rest: %v", n, w.platform.Inventory())
	}
	w.edit(func(e *staging.Environment) { e.Awake, e.AsleepBy = true, "" })
	w.phase(staging.PhaseReady)
	w.serves("revA", staging.PhaseReady)
	if rest := w.platform.Paused(); len(rest) > 0 || !maps.Equal(starts, w.platform.Starts()) {
		t.Errorf("%v rest; started %v", rest, w.platform.Starts())
	}
	w.edit(func(e *staging.Environment) { e.Awake, e.AsleepBy = false, staging.AsleepIdle })
	w.until("it rests again", func() bool { return len(w.platform.Paused()) == 2 })
	w.edit(func(e *staging.Environment) { e.AsleepBy = staging.AsleepLong })
	w.until("nothing of it runs", func() bool { return len(w.platform.Paused()) == 0 && !w.server.Load().Busy(envID) })
	w.edit(func(e *staging.Environment) { e.Awake, e.AsleepBy = true, "" })
	w.phase(staging.PhaseReady)
	w.sound()
	w.gone()
}

// TestWhatDoesNotGoOnIsTriedAgain holds that a wake does not lead to what still
// rests.
func TestWhatDoesNotGoOnIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := resting(t)
	heal := w.platform.Break(fault.Fault{Method: fakeplatform.Resume, Effect: fault.Fail})
	w.edit(func(e *staging.Environment) { e.Awake, e.AsleepBy = true, "" })
	w.until("it is tried", func() bool {
		n := 0
		for _, c := range w.platform.Calls() {
			if c.Method == fakeplatform.Resume {
				n++
			}
		}
		return n > 2
	})
	if !w.server.Load().edge.Holding(envID) {
		t.Error("requests are let in")
	}
	heal()
	w.phase(staging.PhaseReady)
	w.serves("revA", staging.PhaseReady)
	w.gone()
}
