package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"offshoot/internal/datastore"
	fakedata "offshoot/internal/datastore/fake"
	"offshoot/internal/fault"
	"offshoot/internal/staging"
)

// TestProgressEnds holds that a step which has ended says what came of it, not
// how far it once was.
func TestProgressEnds(t *testing.T) {
	w := newWorld(t)
	w.steps = []staging.StepName{staging.StepData}
	w.data["postgres"].Slow = func(tell datastore.Progress) {
		w.later.Add(int64(2 * time.Second))
		tell("copying", 1<<20, 2<<20)
	}
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	steps := w.deployment("dep_01").Steps
	if len(steps) != 1 {
		t.Errorf("%v", steps)
	}
	for _, s := range steps {
		if !strings.HasSuffix(s.Detail, ": began empty") {
			t.Errorf("the step ended with %q", s.Detail)
		}
	}
	w.gone()
}

// TestAStepEndsWhenItEnds holds that a timeline says of data that it is ready
// while the build goes on.
func TestAStepEndsWhenItEnds(t *testing.T) {
	w := newWorld(t)
	w.endless["revA"], w.steps = "build", []staging.StepName{staging.StepBuild, staging.StepData}
	heal := w.data["postgres"].Break(fault.Fault{Method: fakedata.Ready, Effect: fault.Hang})
	defer heal()
	w.deploy("revA")
	w.until("all but the server's answer is there", func() bool {
		return slices.ContainsFunc(w.data["postgres"].Calls(), func(c fault.Call) bool { return c.Method == fakedata.Ready })
	})
	w.untold = true
	heal()
	w.until("the data is ready", func() bool {
		done := map[staging.StepName]staging.StepState{}
		for _, s := range w.deployment("dep_01").Steps {
			done[s.Name] = s.State
		}
		return done[staging.StepData] == staging.StepDone && done[staging.StepBuild] == staging.StepRunning
	})
	w.untold = false
	w.destroy()
	w.gone()
}
