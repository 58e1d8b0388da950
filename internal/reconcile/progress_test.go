package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// TestProgressEnds holds that a step which has ended says what came of it, not
// how far it once was.
func TestProgressEnds(t *testing.T) {
	w := newWorld(t)
	w.data["postgres"].Slow = func(tell datastore.Progress) {
		w.later.Add(int64(2 * time.Second))
		tell("copying", 1<<20, 2<<20)
	}
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	for _, s := range w.deployment("dep_01").Steps {
		if s.Name == staging.StepData && !strings.HasSuffix(s.Detail, ": began empty") {
			t.Errorf("the step ended with %q", s.Detail)
		}
	}
	w.gone()
}
