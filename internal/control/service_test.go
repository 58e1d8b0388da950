package control

import (
	"fmt"
	"testing"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/platform/fake"
	"offshoot/internal/staging"
)

// TestWhatIsStillToGoIsCounted holds that who waits for a service to be scaled
// down waits until what ran has gone: the wish alone is no answer.
func TestWhatIsStillToGoIsCounted(t *testing.T) {
	ctx := t.Context()
	world := fake.NewWorld(fake.Options{})
	defer world.Close()
	driver := world.Open()
	s := New(Config{Platforms: map[string]platform.Driver{"fake": driver}})
	env := staging.Environment{ID: "env_a", Platform: "fake", Phase: staging.PhaseReady}
	x := staging.Service{Name: "web"}
	d := staging.Deployment{ID: "dep_a", Stack: &staging.Stack{Services: []staging.Service{x}}}
	if _, err := driver.Apply(ctx, platform.Resource{Kind: staging.ResourceScope, Owner: env.ID, Name: plan.Name(env.ID, staging.ResourceScope, "0"), Scope: &platform.Scope{}}); err != nil {
		t.Fatal(err)
	}
	var ledger []staging.Resource
	for i := range 3 {
		row := staging.Resource{Kind: staging.ResourceWorkload, Owner: env.ID, Name: plan.Name(env.ID, staging.ResourceWorkload, fmt.Sprintf("web.dep_a.%d", i))}
		ledger = append(ledger, row)
		if _, err := driver.Apply(ctx, platform.Resource{Kind: row.Kind, Owner: row.Owner, Name: row.Name, Workload: &staging.WorkloadSpec{}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{0, 1, 3} {
		env.Desired.Scale = map[string]int{"web": n}
		if w := s.service(ctx, env, d, x, ledger); w.Replicas != n || w.Running != 3 {
			t.Errorf("scaled to %d while three run: %+v", n, w)
		}
	}
	for _, row := range ledger[1:] {
		if err := driver.Delete(ctx, platform.Ref{Kind: row.Kind, Owner: row.Owner, Name: row.Name}); err != nil {
			t.Fatal(err)
		}
	}
	env.Desired.Scale = nil
	if w := s.service(ctx, env, d, x, ledger[:1]); w.Replicas != 1 || w.Running != 1 || w.State != "running" {
		t.Errorf("one runs: %+v", w)
	}
}
