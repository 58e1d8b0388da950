package reconcile_test

import (
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
)

// scenario is something that an environment goes through, from one rest to the
// next.
type scenario struct {
	name string
	// before brings the world to where it begins; do asks for what is tested.
	before, do func(*world)
	// then holds what must have come of it where nothing went wrong but the
	// server, which may have been killed and started again.
	then func(*world)
}

func scenarios() []scenario {
	created := func(w *world) { w.deploy("revA"); w.phase(staging.PhaseReady) }
	return []scenario{
		{"create", func(*world) {}, func(w *world) { w.deploy("revA") }, func(w *world) { w.serves("revA", staging.PhaseReady); w.holds("A") }},
		{"redeploy", created, func(w *world) { w.deploy("revB") }, func(w *world) { w.serves("revB", staging.PhaseReady); w.holds("B") }},
		{"failing release", created, func(w *world) { w.spoil("revB", "migrate"); w.deploy("revB") },
			func(w *world) { w.serves("revA", staging.PhaseDegraded); w.holds("A") }},
		{"failing build", created, func(w *world) { w.spoil("revB", "build"); w.deploy("revB") },
			func(w *world) { w.serves("revA", staging.PhaseDegraded); w.holds("A") }},
		{"failing start", created, func(w *world) { w.spoil("revB", "web"); w.deploy("revB") },
			func(w *world) { w.serves("revA", staging.PhaseDegraded); w.holds("A") }},
		{"failing create", func(*world) {}, func(w *world) { w.spoil("revA", "migrate"); w.deploy("revA") },
			func(w *world) { w.serves("", staging.PhaseFailed); w.says("release") }},
		{"superseded", created, func(w *world) { w.deploy("revB"); w.deploy("revC") }, func(w *world) { w.serves("revC", staging.PhaseReady); w.holds("C") }},
		{"other data server", created, func(w *world) { w.tunes("revB"); w.deploy("revB") }, func(w *world) { w.serves("revB", staging.PhaseReady); w.holds("B") }},
		{"other data server, failing build", created, func(w *world) { w.tunes("revB"); w.spoil("revB", "build"); w.deploy("revB") },
			func(w *world) { w.serves("revA", staging.PhaseDegraded); w.holds("A") }},
		{"other data server, failing release", created, func(w *world) { w.tunes("revB"); w.spoil("revB", "migrate"); w.deploy("revB") },
			func(w *world) { w.serves("revA", staging.PhaseDegraded); w.holds("A") }},
		{"other data server, failing start", created, func(w *world) { w.tunes("revB"); w.spoil("revB", "web"); w.deploy("revB") },
			func(w *world) { w.serves("revA", staging.PhaseDegraded); w.holds("A") }},
		{"reset", created, func(w *world) {
			w.change(func(e *staging.Environment) { e.Desired.DataReset = "none"; e.Desired.DataResets++ }, "revA")
		}, func(w *world) { w.serves("revA", staging.PhaseReady); w.holds("A") }},
		{"undo", func(w *world) {
			created(w)
			w.spoil("revB", "migrate")
			w.deploy("revB")
			w.phase(staging.PhaseDegraded)
		}, (*world).undo, func(w *world) { w.serves("revA", staging.PhaseReady); w.holds("A") }},
		{"sleep", created, func(w *world) { w.edit(func(e *staging.Environment) { e.Awake = false }) }, func(w *world) { w.serves("revA", staging.PhaseAsleep); w.holds("A") }},
		{"wake", func(w *world) {
			created(w)
			w.edit(func(e *staging.Environment) { e.Awake = false })
			w.phase(staging.PhaseAsleep)
		}, func(w *world) { w.edit(func(e *staging.Environment) { e.Awake = true }) }, func(w *world) { w.serves("revA", staging.PhaseReady); w.holds("A") }},
		{"destroy", created, (*world).destroy, func(w *world) { w.phase(staging.PhaseDestroyed) }},
		{"destroy in the middle", created, func(w *world) { w.deploy("revB"); w.destroy() }, func(w *world) { w.phase(staging.PhaseDestroyed) }},
	}
}

func TestNothingGoesWrong(t *testing.T) {
	for _, grain := range []platform.Grain{platform.GrainWorkload, platform.GrainBundle} {
		for _, s := range scenarios() {
			t.Run(string(grain)+" "+s.name, func(t *testing.T) {
				t.Parallel()
				w := newWorldOf(t, grain)
				s.before(w)
				s.do(w)
				w.rested()
				s.then(w)
				w.sound()
				w.gone()
			})
		}
	}
}

// undo asks for the data that was replaced last.
func (w *world) undo() {
	w.Helper()
	w.change(func(e *staging.Environment) {
		rows, err := w.store.Resources(w.ctx, envID)
		last, ok := reconcile.LastAside(rows, time.Now())
		if err != nil || !ok {
			w.Fatalf("nothing is set aside: %v", err)
		}
		e.Desired.DataReset, e.Desired.DataUndo = "", last.Set
		e.Desired.DataResets++
	}, "revA")
}
