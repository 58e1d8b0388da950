package reconcile

import (
	"context"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// settleLimit bounds how long a snapshot waits for a release to end.
const settleLimit = time.Hour

// copySettled copies the parts to dir once no release is at work on them, and
// answers the deployment that they belong to.
func (e *Engine) copySettled(ctx context.Context, s *staging.Snapshot, dir string) (staging.Deployment, error) {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	a := newActor(e, s.Source, e.remembered(s.Source), Ground{})
	env, dep, err := a.holdSettled(ctx)
	if err != nil {
		return dep, err
	}
	defer a.mem.data.Unlock()
	if a.Ground, err = e.ground(env); err != nil {
		return dep, err
	}
	s.Revision, s.Parts = dep.Revision.ID, parts(dep.Stack, s.Only)
	if err := e.written(ctx, *s); err != nil {
		return dep, err
	}
	var names []string
	for _, p := range s.Parts {
		names = append(names, p.Name)
	}
	v := &view{Input: plan.Input{Environment: env}, project: staging.Project{Name: env.Project}}
	at, err := a.freeze(ctx, v, &dep, names, dir)
	if err == nil {
		s.TakenAt = at
	}
	return dep, err
}

// holdSettled waits until no deployment is between its release and its end,
// and answers what serves; the data is held then.
func (a *actor) holdSettled(ctx context.Context) (env staging.Environment, dep staging.Deployment, err error) {
	for {
		ended := a.mem.endOfDeployment()
		a.mem.data.Lock()
		busy := false
		if env, err = a.Store.Environment(ctx, a.id); err == nil {
			busy, err = a.atWork(ctx)
		}
		if err == nil && !env.DeleteRequestedAt.IsZero() {
			err = staging.Errorf(staging.CodeConflict, "", "environment %s is being destroyed", env.Slug)
		}
		if err == nil && !busy {
			dep, err = a.Store.Deployment(ctx, env.Deployed.Deployment)
		}
		if err == nil && !busy {
			return env, dep, nil
		}
		a.mem.data.Unlock()
		if err != nil {
			return env, dep, err
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return env, dep, ctx.Err()
		}
	}
}

// atWork is whether a deployment's release has begun and it has not ended.
func (a *actor) atWork(ctx context.Context) (bool, error) {
	list, err := a.Store.Underway(ctx, a.id)
	for _, d := range list {
		if d.Outcome == staging.OutcomeRunning && (d.Progress.ReleaseBegan || d.Progress.Routed) {
			return true, err
		}
	}
	return false, err
}
