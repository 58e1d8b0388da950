package cli

import (
	"testing"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func TestWhatIsWaitedForUnasked(t *testing.T) {
	broken := &staging.Failure{Class: staging.ClassBuild}
	for name, x := range map[string]struct {
		phase        staging.Phase
		failure      *staging.Failure
		rests, fails bool
	}{
		"it serves":                       {staging.PhaseReady, nil, true, false},
		"it sleeps":                       {staging.PhaseAsleep, nil, true, false},
		"it is deployed to":               {staging.PhaseDeploying, nil, false, false},
		"again, after a failure":          {staging.PhaseDeploying, broken, false, false},
		"nothing serves":                  {staging.PhaseFailed, broken, true, true},
		"the revision before serves":      {staging.PhaseDegraded, broken, true, true},
		"a service is down":               {staging.PhaseDegraded, nil, true, false},
		"it is gone, and failed before":   {staging.PhaseDestroyed, broken, true, false},
		"it waits for its turn":           {staging.PhaseQueued, nil, false, false},
		"a failed one that is taken away": {staging.PhaseDestroying, broken, false, false},
	} {
		v := wire.Environment{Phase: string(x.phase), Failure: x.failure}
		if got := waited(v, ""); got != x.rests {
			t.Errorf("%s: rests %t", name, got)
		}
		if got := failed(v); got != x.fails {
			t.Errorf("%s: fails %t", name, got)
		}
	}
}

// TestAWakeIsNotHeldUpByADeployment holds that it waits for what is deployed to
// run again, not for what is being built.
func TestAWakeIsNotHeldUpByADeployment(t *testing.T) {
	sha := "a"
	for name, x := range map[string]struct {
		awake    bool
		deployed *string
		running  int
		done     bool
	}{
		"it runs":                   {true, &sha, 2, true},
		"one is to come":            {true, &sha, 1, false},
		"it sleeps":                 {false, &sha, 0, false},
		"the first deployment runs": {true, nil, 0, false},
	} {
		v := wire.Environment{Phase: string(staging.PhaseDeploying), Awake: x.awake, Revision: wire.Revision{Deployed: x.deployed}}
		if x.deployed != nil {
			v.Services = []wire.Service{{Name: "web", Replicas: 2, Running: x.running}, {Name: "job"}}
		}
		if got := settled("wake")(v); got != x.done {
			t.Errorf("%s: %t", name, got)
		}
		if settled("sleep")(v) {
			t.Errorf("%s: sleep does not wait for the deployment", name)
		}
	}
}

// TestAWakeEndsWhereSomebodySleepsItAgain holds that who came later wins, and
// that who came before does not wait for what nobody wants any more.
func TestAWakeEndsWhereSomebodySleepsItAgain(t *testing.T) {
	for awake, done := range map[bool]bool{true: false, false: true} {
		v := wire.Environment{Phase: string(staging.PhaseAsleep), Awake: awake}
		if got := settled("wake")(v); got != done {
			t.Errorf("awake %t: %t", awake, got)
		}
		if !settled("sleep")(v) {
			t.Errorf("awake %t: sleep waits on", awake)
		}
	}
}
