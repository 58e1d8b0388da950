package reconcile

import (
	"context"
	"fmt"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// The deadlines of operations: none runs for ever. They are for what hangs, a disk
// or platform that does not answer. What only waits for a processor must never
// meet one: a deployment would fail that nothing is wrong with.
const (
	// quickLimit is that of what takes milliseconds.
	quickLimit  = 5 * time.Minute
	copyLimit   = 30 * time.Minute
	deleteLimit = 5 * time.Minute
	drainLimit  = 30 * time.Second
	// pauseLimit is how long requests in flight may take to end before their data
	// is replaced; then it is replaced under them. Others wait meanwhile, so it is
	// far below what a client waits (edge: a minute).
	pauseLimit  = 5 * time.Second
	taskLimit   = 15 * time.Minute
	buildLimit  = 30 * time.Minute
	healthLimit = time.Minute
	// readyLimit is how long a data server may take to answer, which recovers
	// first what a kill or a power cut left. One that ends is heard at once.
	readyLimit = 5 * time.Minute
	// wakeLimit is when a wake counts as failed, however patient its stack is:
	// before those who wait are sent away (edge), so that they are told why. What
	// was started goes on, and is asked again.
	wakeLimit = 50 * time.Second
)

// execute carries out one operation.
func (a *actor) execute(ctx context.Context, v *view, op plan.Op) error {
	dep := v.deployment(op.Deployment)
	limit := quickLimit
	switch op.Action {
	case plan.Apply:
		limit = copyLimit
	case plan.Mark, plan.Restore, plan.SetAside:
		limit = copyLimit
	case plan.Await:
		limit = 24 * time.Hour // the task's own limit ends it
	case plan.Ready:
		limit = patience(dep, readyLimit)
	case plan.Health:
		limit = time.Hour // the service's own limit ends it
	case plan.Delete:
		limit = deleteLimit
	case plan.Drain, plan.Hold:
		limit = drainLimit + quickLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	switch {
	case op.Action == plan.Restore, op.Action == plan.SetAside, op.Action == plan.Mark, op.Kind == staging.ResourceClone:
		a.mem.data.Lock()
		defer a.mem.data.Unlock()
	case op.Action == plan.Rest, op.Action == plan.Resume, op.Action == plan.Prepare, (op.Action == plan.Apply || op.Action == plan.Delete) && (op.Kind == staging.ResourceWorkload || op.Kind == staging.ResourceTask):
		a.mem.data.RLock()
		defer a.mem.data.RUnlock()
	}
	switch op.Action {
	case plan.Apply:
		return a.apply(ctx, v, dep, op)
	case plan.Prepare:
		return a.prepare(ctx, v, dep, op)
	case plan.Await:
		return a.await(ctx, v, dep, op)
	case plan.Ready:
		return a.ready(ctx, v, dep, op)
	case plan.Health:
		return a.health(ctx, v, dep, op)
	case plan.Read:
		return a.read(ctx, v, dep)
	case plan.Delete:
		return a.delete(ctx, v, op)
	case plan.Route:
		return a.route(ctx, v, dep, op)
	case plan.Hold:
		return a.hold(ctx, v)
	case plan.Rest:
		return a.rest(ctx, v)
	case plan.Resume:
		return a.goOn(ctx, v)
	case plan.Drain:
		return a.drain(ctx, dep)
	case plan.Finish:
		return a.finish(ctx, v, dep, op)
	case plan.Mark:
		return a.mark(ctx, v, dep, op)
	case plan.Restore:
		return a.restore(ctx, v, dep, op)
	case plan.Compare:
		return a.compare(ctx, v, dep)
	case plan.SetAside:
		return a.setAside(ctx, v, dep, op)
	case plan.Vanish:
		return a.vanish(ctx, v)
	}
	return fmt.Errorf("nothing knows how to %s", op.Action)
}

// patience is how long something may take to come up: what is woken less long.
func patience(dep *staging.Deployment, limit time.Duration) time.Duration {
	if dep != nil && dep.Outcome != staging.OutcomeRunning {
		return min(limit, wakeLimit)
	}
	return limit
}

func (a *actor) read(ctx context.Context, v *view, dep *staging.Deployment) error {
	dir, err := a.Folders.Path(plan.Name(a.id, staging.ResourceCheckout, dep.Revision.Content()))
	if err != nil {
		return err
	}
	stack, notes, err := a.Read(ctx, dir, v.project, v.Environment, dep.Revision.Content())
	if err != nil {
		return err
	}
	own := *dep // who records the steps reads it meanwhile
	dep = &own
	given, err := stack.Give(dep.Options.Images, dep.Revision.ID)
	if err != nil {
		return asManifest(err)
	}
	notes = append(notes, given...)
	if err := withinLimits(v.project.Policy, dep.Options.Size, stack); err != nil {
		return err
	}
	if err := a.sameVersions(v, dep, stack); err != nil {
		return err
	}
	dep.Progress.Images = sameImages(dep, v.Serving)
	artifact, err := a.built(ctx, v, dep, stack)
	if err != nil {
		return err
	}
	// Should the power take it, it is read again.
	return a.changeBy(ctx, a.Store.WriteSoon, v, dep.ID, func(d *staging.Deployment) {
		d.Stack, d.Notes, d.Progress.Artifact, d.Progress.Images = stack, notes, artifact, dep.Progress.Images
		for i := range d.Steps {
			if s := &d.Steps[i]; s.Name == staging.StepBuild && artifact != "" {
				s.State, s.StartedAt, s.Detail = staging.StepDone, a.Now(), "kept from an earlier build"
			}
		}
		d.Steps = append(d.Steps, hookSteps(stack, v.Serving == nil)...)
	})
}
