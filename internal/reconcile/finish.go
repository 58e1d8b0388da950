package reconcile

import (
	"context"
	"slices"

	"offshoot/internal/human"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// finish ends a deployment.
func (a *actor) finish(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	if op.Phase == staging.PhaseFailed && !v.Predecessor && v.Environment.DeleteRequestedAt.IsZero() {
		a.Edge.Put(a.unserved(v, dep, op.Phase)) // who is told that it failed finds why at its address
	}
	err := a.Store.Write(ctx, func(w Writer) error {
		env, err := a.fence(ctx, w, v)
		if err != nil {
			return err
		}
		now := a.Now()
		if err := edited(ctx, w, dep.ID, func(d *staging.Deployment) {
			d.Outcome, d.FinishedAt = op.Outcome, now
			if op.Outcome == staging.OutcomeSuperseded && env.Current != dep.ID {
				d.Successor = env.Current
			}
			for i := range d.Steps {
				switch s := &d.Steps[i]; s.State {
				case staging.StepPending:
					s.State = staging.StepSkipped
				case staging.StepRunning:
					s.State, s.DurationMS = staging.StepDone, now.Sub(s.StartedAt).Milliseconds()
				}
			}
		}); err != nil {
			return err
		}
		if dep.Progress.Routed {
			env.Deployed = staging.Deployed{Revision: dep.Revision.ID, Deployment: dep.ID, At: now}
			rows, err := w.Resources(ctx, a.id)
			if err != nil {
				return err
			}
			env.Data = origins(rows, dep)
			if slices.ContainsFunc(dep.Progress.Ended, func(n string) bool { return n == plan.Name(a.id, staging.ResourceTask, dep.ID+".seed.0") }) {
				if err := a.seeded(ctx, w, rows, dep, env.Data); err != nil {
					return err
				}
			}
		} else if v.Serving == nil {
			env.Data = nil // a first deployment that fails drops its data
		} else if op.Outcome == staging.OutcomeFailed && env.Current == dep.ID && plan.DataSet(dep) != plan.DataSet(v.Serving) {
			// A reset that failed is over: the next push does not repeat it.
			env.Desired.DataReset, env.Desired.DataUndo, env.Desired.DataResets = v.Serving.Options.DataReset,
				v.Serving.Options.DataUndo, v.Serving.Options.DataResets
		}
		before := env.Phase
		if op.Phase != "" {
			env.Phase = op.Phase
		}
		if err := w.PutEnvironment(ctx, env); err != nil {
			return err
		}
		if err := a.eventOf(ctx, w, env, "deployment."+string(op.Outcome), "deployment of "+human.Revision(dep.Revision.ID)+" "+string(op.Outcome),
			map[string]any{"deployment": dep.ID}); err != nil || env.Phase == before {
			return err
		}
		return a.event(ctx, w, env, "environment."+string(env.Phase), "is "+string(env.Phase))
	})
	if err == nil {
		a.mem.announceEnd()
	}
	return err
}
