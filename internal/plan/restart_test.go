package plan_test

import (
	"testing"

	"pgregory.net/rapid"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// A new server asks everything again and leads to it again. That alarms nobody:
// what ran all the time is ready all the time, unless it does not answer.
func TestARestartOfTheServerIsNoTroubleOfAnEnvironment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.settle()
		w.env.Phase = staging.PhaseReady
		w.ready, w.prepared, w.holding = map[string]bool{}, map[string]bool{}, true
		for name, row := range w.rows { // what the server itself listened on ended with it
			if row.Kind.IsListener() {
				w.exists[name] = false
			}
		}
		silent := rapid.Bool().Draw(t, "silent")
		if silent {
			w.env.Reason = "service web was not healthy"
		}
		for range 200 {
			p := plan.Next(w.input())
			if !silent && p.Phase != staging.PhaseReady {
				t.Fatalf("%s while it is asked again: %v", p.Phase, p.Waiting)
			}
			if silent && !w.grain && p.Phase == staging.PhaseReady && len(w.ready) == 0 {
				t.Fatalf("ready although it does not answer")
			}
			ops := p.Startable()
			if len(ops) == 0 {
				if w.holding {
					t.Fatal("nothing leads to it any more")
				}
				return
			}
			w.do(rapid.SampledFrom(ops).Draw(t, "op"), 0)
		}
		t.Fatal("it never comes to rest")
	})
}
