package plan_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// asleep is a world in which a revision was deployed and sleeps.
func asleep(t *rapid.T) *world {
	w := newWorld(t)
	w.settle()
	w.env.Awake = false
	w.settle()
	return w
}

func (w *world) running() (names []string) {
	for name := range w.exists {
		if strings.HasPrefix(name, w.env.ID+"/workload/") {
			names = append(names, name)
		}
	}
	return names
}

func TestADeploymentToASleepingEnvironmentEndsAsleep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asleep(t)
		w.deploy()
		for i := 0; ; i++ {
			ops := plan.Next(w.input()).Startable()
			if len(ops) == 0 || i > 200 {
				t.Fatalf("never finished: %+v", ops)
			}
			op := rapid.SampledFrom(ops).Draw(t, "op")
			if op.Action == plan.Finish {
				if op.Phase != staging.PhaseAsleep || op.Outcome != staging.OutcomeSucceeded || len(w.running()) > 0 {
					t.Errorf("ends %s, %s, with %v", op.Outcome, op.Phase, w.running())
				}
				w.do(op, 0)
				break
			}
			w.do(op, 0)
		}
		w.settle()
		if p := plan.Next(w.input()); p.Phase != staging.PhaseAsleep || len(w.running()) > 0 {
			t.Errorf("%s with %v", p.Phase, w.running())
		}
	})
}

// Who asks for a sleeping environment while a deployment builds is served by
// the revision before, at once.
func TestARequestDuringADeploymentWakesWhatServed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asleep(t)
		old := w.routed
		w.deploy()
		w.env.Awake = true
		for range 100 {
			var ops []plan.Op
			for _, op := range plan.Next(w.input()).Startable() {
				if op.Action != plan.Await || op.Kind != staging.ResourceBuild { // the build takes for ever
					ops = append(ops, op)
				}
			}
			if len(ops) == 0 {
				break
			}
			w.do(rapid.SampledFrom(ops).Draw(t, "op"), 0)
			w.stillServing()
		}
		if w.holding || w.routed != old || w.current().Progress.Artifact != "" {
			t.Errorf("holding: %t, routed to %s", w.holding, w.routed)
		}
		w.settle()
		if w.routed == old {
			t.Error("the new revision never came")
		}
	})
}
