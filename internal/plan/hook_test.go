package plan_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

func (w *world) hooksRun() (names []string) {
	for name := range w.started {
		if _, rest, ok := strings.Cut(name, ".hook-"); ok {
			names = append(names, rest)
		}
	}
	return names
}

func TestHooksRunOnceAfterTheRouteAndBeforeTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.settle()
		if n := len(w.hooksRun()); n != 3 || w.current().Outcome != staging.OutcomeSucceeded {
			t.Errorf("after create: %v", w.hooksRun())
		}
		w.deploy()
		w.settle()
		if n := len(w.hooksRun()); n != 5 {
			t.Errorf("after deploy: %v", w.hooksRun())
		}
		w.env.Awake = rapid.Bool().Draw(t, "awake")
		w.settle()
		w.env.DeleteRequestedAt = w.env.DeleteRequestedAt.AddDate(1, 0, 0)
		w.settle()
		if !strings.Contains(strings.Join(w.hooksRun(), " "), "before_destroy.0") || w.env.Phase != staging.PhaseDestroyed {
			t.Errorf("before destroy: %v, %s", w.hooksRun(), w.env.Phase)
		}
	})
}

func TestAHookNeverKeepsAnEnvironment(t *testing.T) {
	for _, after := range []time.Duration{0, plan.Farewell + time.Second} {
		rapid.Check(t, func(t *rapid.T) {
			w := newWorld(t)
			w.settle()
			in := w.input()
			in.Environment.DeleteRequestedAt = time.Unix(1e9, 0)
			in.Now = in.Environment.DeleteRequestedAt.Add(after)
			p := plan.Next(in)
			var hooks bool
			for _, op := range p.Ops {
				hooks = hooks || strings.Contains(op.Resource, "before_destroy")
			}
			if hooks != (after < plan.Farewell) || hooks && p.Again != plan.Farewell-after {
				t.Errorf("after %s: hooks %t, again in %s", after, hooks, p.Again)
			}
		})
	}
}
