package plan_test

import (
	"slices"
	"testing"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// TestABuildThatNeedsNoScopeDoesNotWaitForIt holds that a build begins once there
// is a checkout, and before there is a scope only where that is nothing to it.
func TestABuildThatNeedsNoScopeDoesNotWaitForIt(t *testing.T) {
	env := staging.Environment{ID: "env_a", Awake: true, Generation: 1}
	dep := &staging.Deployment{ID: "dep_a", Environment: env.ID, Generation: 1, Revision: staging.Revision{ID: "rev"}, Outcome: staging.OutcomeRunning,
		Stack: &staging.Stack{Services: []staging.Service{{Name: "web"}}}}
	checkout := plan.Name(env.ID, staging.ResourceCheckout, "rev")
	for _, apart := range []bool{false, true} {
		p := plan.Next(plan.Input{Environment: env, Current: dep, BuildsApart: apart,
			Ledger:   []staging.Resource{{Name: checkout, Kind: staging.ResourceCheckout, Owner: env.ID, State: staging.ResourcePresent}},
			Observed: map[string]staging.Observation{checkout: {Presence: staging.Present}}})
		builds := slices.ContainsFunc(p.Startable(), func(op plan.Op) bool { return op.Action == plan.Apply && op.Kind == staging.ResourceBuild })
		if builds != apart {
			t.Errorf("apart %v: %+v", apart, p.Startable())
		}
	}
}
