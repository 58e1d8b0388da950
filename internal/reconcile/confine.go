package reconcile

import (
	"context"
	"slices"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// confine lets an environment connect outside only where its project's policy says.
func (a *actor) confine(ctx context.Context, v *view) error {
	var to *platform.Outbound
	if v.project.Policy.Confines(v.Environment.Kind) {
		hosts := slices.Clone(v.project.Policy.AllowOutbound)
		slices.Sort(hosts)
		to = &platform.Outbound{Hosts: hosts}
	}
	c, ok := a.Platform.(platform.Confiner)
	switch {
	case ok:
		return c.Confine(ctx, a.id, to)
	case to != nil:
		return staging.Errorf(staging.ClassCode(staging.ClassPolicy), "run it on another: offshoot project set --platform docker; or leave connections open: offshoot project set --outbound open",
			"the project lists where environments may connect to, which the platform %s cannot hold them to", a.Platform.Traits().Name)
	}
	return nil
}

// confineAgain holds to the policy what is there already: it may be another one now.
func (a *actor) confineAgain(ctx context.Context, v *view) {
	row, ok := v.row(plan.Scope(a.id))
	if !ok || row.State == staging.ResourceDeleting || !v.Environment.DeleteRequestedAt.IsZero() {
		return
	}
	if err := a.confine(ctx, v); err != nil { // what is started next fails by it
		a.Log.Warn("connections outside are not as the project says", "environment", a.id, "error", err)
	}
}
