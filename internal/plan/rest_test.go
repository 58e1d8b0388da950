package plan_test

import (
	"testing"

	"pgregory.net/rapid"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// What nobody used for a while rests where the platform lets it, goes on when it
// is woken, and goes when nobody came for long.
func TestWhatNobodyUsesRestsBeforeItGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.settle()
		w.env.Awake, w.env.AsleepBy = false, staging.AsleepIdle
		ran := len(w.running())
		w.settle()
		rests := w.rests && !w.grain
		if n := len(w.resting); rests != (n > 0) || n != len(w.running()) || rests && n != ran {
			t.Fatalf("of %d that ran %d are there and %d rest", ran, len(w.running()), n)
		}
		if p := plan.Next(w.input()); p.Phase != staging.PhaseAsleep || !w.holding {
			t.Fatalf("%s, and requests are held: %t", p.Phase, w.holding)
		}
		switch rapid.SampledFrom([]string{"woken", "deployed", "long"}).Draw(t, "then") {
		case "woken":
			w.env.Awake, w.env.AsleepBy = true, ""
			if first := plan.Next(w.input()).Startable(); rests && (len(first) != 1 || first[0].Action != plan.Resume) {
				t.Fatalf("first comes %+v", first)
			}
			w.settle()
			if w.holding || len(w.resting) > 0 || len(w.running()) != ran && !w.grain {
				t.Fatalf("holding: %t, resting: %v, of %d run %d", w.holding, w.resting, ran, len(w.running()))
			}
		case "deployed":
			w.deploy()
			w.settle()
			if len(w.running()) > 0 || !w.holding {
				t.Fatalf("it sleeps, and %v run", w.running())
			}
		case "long":
			w.env.AsleepBy = staging.AsleepLong
			w.settle()
			if len(w.running()) > 0 || len(w.resting) > 0 {
				t.Fatalf("it sleeps for long, and %v run", w.running())
			}
		}
	})
}
