package reconcile_test

import (
	"slices"
	"testing"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

// What a project lists holds from the first workload on, and follows the project.
func TestAnEnvironmentIsHeldToWhatItsProjectLists(t *testing.T) {
	w := newWorld(t)
	held := func(want ...string) {
		t.Helper()
		got, listed := w.platform.Confined(envID)
		if listed != (want != nil) || !slices.Equal(got, want) {
			t.Errorf("held to %v (%v), not %v", got, listed, want)
		}
	}
	policy := func(change func(p *staging.Policy)) {
		w.write(func(tx *store.Tx) error {
			p, err := tx.Project(w.ctx, "shop")
			if err != nil {
				return err
			}
			change(&p.Policy)
			return tx.PutProject(w.ctx, p)
		})
	}
	policy(func(p *staging.Policy) {
		p.Outbound, p.OutboundShared, p.AllowOutbound = staging.OutboundListed, staging.OutboundListed, []string{"b.example.com", "a.example.com:443"}
	})
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	held("a.example.com:443", "b.example.com")
	policy(func(p *staging.Policy) { p.AllowOutbound = []string{"c.example.com"} })
	w.edit(func(*staging.Environment) {})
	w.rested()
	held("c.example.com")
	policy(func(p *staging.Policy) { p.Outbound, p.OutboundShared = staging.OutboundOpen, "" })
	w.edit(func(*staging.Environment) {})
	w.rested()
	held()
	w.destroy()
	w.phase(staging.PhaseDestroyed)
	held()
}
