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
