package reconcile

import (
	"context"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

func (a *actor) delete(ctx context.Context, v *view, op plan.Op) error {
	row, ok := v.row(op.Resource)
	if !ok {
		return nil
	}
	a.mem.setReady(row.Name, false)
	a.mem.setPrepared(row.Name, false)
	if row.State != staging.ResourceDeleting {
		row.State = staging.ResourceDeleting
		if err := a.Store.Write(ctx, func(w Writer) error { return w.PutResource(ctx, row) }); err != nil {
			return err
		}
	}
	if err := a.remove(ctx, row, !v.Environment.DeleteRequestedAt.IsZero()); err != nil {
		return err
	}
	return a.Store.Write(ctx, func(w Writer) error {
		if !v.Environment.DeleteRequestedAt.IsZero() {
			if _, err := w.AppendEvent(ctx, staging.Event{At: a.Now(), Type: "resource.removed", Project: v.project.Name, Environment: a.id, Actor: "server",
				Message: row.Name + " is gone", Detail: map[string]any{"kind": string(row.Kind), "name": row.Name, "verified_by": row.Driver}}); err != nil {
				return err
			}
		} else if v.Environment.Awake && !v.deploys() && plan.Ran(row, v.Serving) {
			// Who scaled it down waits for this.
			if err := a.event(ctx, w, v.Environment, "service.stopped", "has one instance less: "+row.Name); err != nil {
				return err
			}
		}
		return w.DeleteResource(ctx, row.Name)
	})
}

// remove takes one thing away and sees it gone. Where its data goes too a server
// need not write it out, which on a full disk it could not.
func (a *actor) remove(ctx context.Context, row staging.Resource, discard bool) error {
	switch row.Kind {
	case staging.ResourceRoute:
		a.Edge.Remove(row.Owner)
		return nil
	case staging.ResourceLink, staging.ResourceDoor:
		return a.Links.Close(row.Name)
	case staging.ResourceMail:
		return a.endMail(ctx, row, discard)
	case staging.ResourceCheckout, staging.ResourceClone, staging.ResourceMark, staging.ResourceAside, staging.ResourceSnapshot:
		return a.Folders.Delete(ctx, row.Name)
	}
	gone := ref(row)
	gone.Discard = discard
	return a.by(row).Delete(ctx, gone)
}

// vanish asks every inventory; only where all agree is the environment gone.
func (a *actor) vanish(ctx context.Context, v *view) error {
	found, err := a.Platform.List(ctx, a.id)
	if err != nil {
		return err
	}
	folders, err := a.Folders.List(ctx, a.id)
	if err != nil {
		return err
	}
	if left := append(found, folders...); len(left) > 0 {
		return a.sweepUp(ctx, v, left)
	}
	if err := a.Folders.Leave(ctx, a.id); err != nil {
		return err
	}
	a.Edge.Remove(a.id)
	err = a.Store.Write(ctx, func(w Writer) error {
		env, err := w.Environment(ctx, a.id)
		if err != nil {
			return err
		}
		env.Phase, env.DestroyedAt, env.Reason, env.Awake = staging.PhaseDestroyed, a.Now(), "", false
		if err := w.PutEnvironment(ctx, env); err != nil {
			return err
		}
		return a.event(ctx, w, env, "environment.destroyed", "is gone: "+env.DeleteCause)
	})
	if err == nil {
		a.wakeSuccessor(ctx, v.Environment)
	}
	return err
}

// wakeSuccessor lets the one go on that waits for this name; one that is not
// found looks again by itself.
func (a *actor) wakeSuccessor(ctx context.Context, gone staging.Environment) {
	next, err := a.Store.EnvironmentByBranch(ctx, gone.Project, gone.Branch)
	if err == nil && next.After == gone.ID {
		a.Kick(next.ID)
	}
}

// sweepUp writes rows for what carries this environment's tag and has none, so
// that the next plan deletes it like everything else.
func (a *actor) sweepUp(ctx context.Context, v *view, left []staging.Observation) error {
	return a.Store.Write(ctx, func(w Writer) error {
		for _, o := range left {
			if _, ok := v.row(o.Name); ok {
				continue
			}
			if err := w.PutResource(ctx, staging.Resource{Name: o.Name, Kind: o.Kind, Driver: "found", Owner: a.id, Project: v.project.Name,
				State: staging.ResourcePresent, Ref: o.Ref, CreatedAt: a.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
}
