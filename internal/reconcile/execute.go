package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"offshoot/internal/edge"
	"offshoot/internal/human"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// The deadlines of operations: none runs for ever.
const (
	quickLimit  = time.Minute
	copyLimit   = 30 * time.Minute
	deleteLimit = 5 * time.Minute
	drainLimit  = 30 * time.Second
	// pauseLimit is how long what is in flight may take to end before its data is
	// replaced.
	pauseLimit  = 5 * time.Second
	taskLimit   = 15 * time.Minute
	buildLimit  = 30 * time.Minute
	healthLimit = time.Minute
	readyLimit  = 2 * time.Minute
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
	case (op.Action == plan.Apply || op.Action == plan.Delete) && (op.Kind == staging.ResourceWorkload || op.Kind == staging.ResourceTask):
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
	dir, err := a.Folders.Path(plan.Name(a.id, staging.ResourceCheckout, dep.Revision.ID))
	if err != nil {
		return err
	}
	stack, notes, err := a.Read(ctx, dir, v.project, v.Environment, dep.Revision.ID)
	if err != nil {
		return err
	}
	if err := withinLimits(v.project.Policy, dep.Options.Size, stack); err != nil {
		return err
	}
	if err := a.sameVersions(v, dep, stack); err != nil {
		return err
	}
	artifact, err := a.built(ctx, v, dep, stack)
	if err != nil {
		return err
	}
	return a.change(ctx, v, dep.ID, func(d *staging.Deployment) {
		d.Stack, d.Notes, d.Progress.Artifact = stack, notes, artifact
		for i := range d.Steps {
			if s := &d.Steps[i]; s.Name == staging.StepBuild && artifact != "" {
				s.State, s.StartedAt, s.Detail = staging.StepDone, a.Now(), "kept from an earlier build"
			}
		}
		d.Steps = append(d.Steps, hookSteps(stack, v.Serving == nil)...)
	})
}

// route switches in the store and then in memory: a crash between the two
// loads the new one. Where it leads on to what served before, whoever waits does
// not wait for that to be written down again.
func (a *actor) route(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	r := edge.Route{Environment: a.id, Phase: staging.PhaseReady, Hosts: map[string]edge.Target{}}
	for host, service := range a.Site.Hosts(v.project, v.Environment, dep.Stack) {
		target := edge.Target{Service: service}
		s, ok := dep.Stack.Service(service)
		if ok && len(s.Ports) > 0 {
			upstreams, err := a.upstreams(ctx, v, dep, s)
			if err != nil {
				return err
			}
			target.Upstreams = upstreams
		}
		r.Hosts[host] = target
	}
	again := dep.Outcome != staging.OutcomeRunning
	if again {
		if err := a.Store.Read(ctx, func(now Reader) error {
			_, err := a.fence(ctx, now, v)
			return err
		}); err != nil {
			return err
		}
		a.Edge.Put(r)
	}
	err := a.Store.Write(ctx, func(w Writer) error {
		if _, err := a.fence(ctx, w, v); err != nil {
			return err
		}
		if err := w.PutResource(ctx, staging.Resource{Name: op.Resource, Kind: staging.ResourceRoute, Driver: "edge", Owner: a.id, Project: v.project.Name,
			Generation: v.Environment.Generation, SpecHash: plan.Destination(dep), State: staging.ResourcePresent, CreatedAt: a.Now()}); err != nil {
			return err
		}
		if again {
			return a.event(ctx, w, v.Environment, "environment.routed", "leads to what runs")
		}
		return edited(ctx, w, dep.ID, func(d *staging.Deployment) { d.Progress.Healthy, d.Progress.Routed = true, true })
	})
	if err != nil || again {
		return err
	}
	a.Edge.Put(r)
	return nil
}

// hold flips the hosts to holding. Where it sleeps for being idle and requests
// are in flight, somebody uses it after all; where a person wants it to sleep,
// what is in flight is let end. What does not end keeps it awake. One that stays
// awake lets requests wait, whatever is in flight.
func (a *actor) hold(ctx context.Context, v *view) error {
	if v.Environment.Awake {
		limited, cancel := context.WithTimeout(ctx, pauseLimit)
		defer cancel()
		a.Edge.Pause(limited, a.id)
		return ctx.Err()
	}
	if v.Environment.AsleepBy == staging.AsleepIdle {
		if a.Edge.Hold(a.id) {
			return nil
		}
	} else {
		limited, cancel := context.WithTimeout(ctx, drainLimit)
		err := a.Edge.Quiesce(limited, a.id)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return a.Store.Write(ctx, func(w Writer) error {
		env, err := w.Environment(ctx, a.id)
		if err != nil {
			return err
		}
		if env.Awake {
			return nil
		}
		env.Awake, env.AsleepBy = true, "" // whether it is activity, the edge says
		if err := w.PutEnvironment(ctx, env); err != nil {
			return err
		}
		return a.event(ctx, w, env, "environment.used", "stays awake: it is in use")
	})
}

func (a *actor) drain(ctx context.Context, dep *staging.Deployment) error {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	err := a.Edge.Drain(ctx, a.id)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	a.mem.setDrained(plan.Destination(dep))
	return nil
}

// finish ends a deployment.
func (a *actor) finish(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
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
	if err == nil && v.Serving == nil && !dep.Progress.Routed {
		a.Edge.Remove(a.id) // announced anew with the failure
	}
	return err
}
