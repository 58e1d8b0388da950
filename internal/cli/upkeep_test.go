package cli

import (
	"testing"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func TestScalingIsWaitedFor(t *testing.T) {
	view := func(phase staging.Phase, reason, state string, running int) wire.Environment {
		return wire.Environment{Phase: string(phase), Reason: reason, Services: []wire.Service{{Name: "web", State: "running", Running: 1}, {Name: "worker", State: state, Running: running}}}
	}
	for name, x := range map[string]struct {
		v      wire.Environment
		wanted int
		done   bool
	}{
		"ready":                         {view(staging.PhaseReady, "", "running", 2), 2, true},
		"one is to come":                {view(staging.PhaseReady, "", "running", 1), 2, false},
		"one is to go":                  {view(staging.PhaseReady, "", "running", 1), 0, false},
		"none":                          {view(staging.PhaseReady, "", "stopped", 0), 0, true},
		"it runs and has yet to serve":  {view(staging.PhaseDegraded, "service worker is down", "running", 1), 1, false},
		"it crashes":                    {view(staging.PhaseDegraded, "service worker is down", "restarting", 1), 1, true},
		"another is down all the while": {view(staging.PhaseDegraded, "service web is down", "running", 1), 1, true},
		"deploying":                     {view(staging.PhaseDeploying, "", "running", 1), 1, false},
		"asleep":                        {view(staging.PhaseAsleep, "", "stopped", 0), 3, true},
	} {
		if got := scaled(x.v, map[string]int{"worker": x.wanted}); got != x.done {
			t.Errorf("%s: %t", name, got)
		}
	}
}
