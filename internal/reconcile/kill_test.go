package reconcile_test

import (
	"fmt"
	"testing"

	"offshoot/internal/platform"
)

// TestKilledBetweenAnyTwoWrites kills the server before and after each write
// that a scenario makes, and lets another one go on: what comes of it is the
// same, nothing is done twice, and nothing is left.
func TestKilledBetweenAnyTwoWrites(t *testing.T) {
	for _, grain := range []platform.Grain{platform.GrainWorkload, platform.GrainBundle} {
		for _, s := range scenarios() {
			t.Run(string(grain)+" "+s.name, func(t *testing.T) {
				t.Parallel()
				killed(t, grain, s)
			})
		}
	}
}

// TestAWriteIsDoneAndNotToldSo lets each write of a scenario be done while who
// asked for it is told that it was given up, as one is that the next plan no
// longer has: what comes of it is the same.
func TestAWriteIsDoneAndNotToldSo(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			met := true
			for n := int64(1); met && !t.Failed(); n += thin {
				t.Run(fmt.Sprintf("write %d", n), func(t *testing.T) {
					w := newWorld(t)
					s.before(w)
					l := w.server.Load().life
					last := l.writes.Load() + n
					l.untold.Store(last)
					s.do(w)
					w.rested()
					s.then(w)
					w.sound()
					met = l.writes.Load() >= last
					w.gone()
				})
			}
		})
	}
}

func killed(t *testing.T, grain platform.Grain, s scenario) {
	for n := int64(1); ; n += thin {
		lived := true
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, committed %v", n, after), func(t *testing.T) {
				w := newWorldOf(t, grain)
				s.before(w)
				w.stop()
				w.start(n, after)
				s.do(w)
				lived = w.rested() && lived
				w.stop()
				w.start(0, false)
				w.rested()
				s.then(w)
				w.sound()
				w.gone()
			})
		}
		if lived || t.Failed() {
			t.Logf("%d writes", n-1)
			return
		}
	}
}
