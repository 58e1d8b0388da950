package reconcile

import (
	"context"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// prepare has the platform make ready what will be started. That it fails says
// nothing: the start itself will say why.
func (a *actor) prepare(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	if err := a.makeReady(ctx, v, dep, op); err != nil {
		a.Log.DebugContext(ctx, "not made ready ahead", "environment", a.id, "operation", op.ID, "error", err)
	}
	a.mem.setPrepared(op.Resource, true)
	return nil
}

// makeReady commits the row first, as for everything that is made.
func (a *actor) makeReady(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	platform, ok := a.Platform.(platform.Preparer)
	if !ok {
		return nil
	}
	r, row, err := a.intention(ctx, v, dep, op)
	if err != nil {
		return err
	}
	if err := a.beforehand(op)(ctx, func(w Writer) error {
		if _, err := a.fence(ctx, w, v); err != nil {
			return err
		}
		return w.PutResource(ctx, row)
	}); err != nil {
		return err
	}
	return platform.Prepare(ctx, r)
}
