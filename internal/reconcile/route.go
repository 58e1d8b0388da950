package reconcile

import (
	"context"
	"errors"

	"offshoot/internal/edge"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// route switches in the store and then in memory: a crash between the two
// loads the new one. A power cut ends what served before as well, so nobody waits
// for the disk. Where it leads on to what served before, whoever waits does not
// wait for that to be written down again.
func (a *actor) route(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	r := edge.Route{Environment: a.id, Phase: staging.PhaseReady, Destination: plan.Destination(dep), Hosts: map[string]edge.Target{}}
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
	// The plan that sees it written is without this operation and gives it up: the
	// switch must follow all the same.
	ctx = context.WithoutCancel(ctx)
	err := a.Store.WriteSoon(ctx, func(w Writer) error {
		if _, err := a.fence(ctx, w, v); err != nil {
			return err
		}
		if err := w.PutResource(ctx, staging.Resource{Name: op.Resource, Kind: staging.ResourceRoute, Driver: "edge", Owner: a.id, Project: v.project.Name,
			Generation: v.Environment.Generation, SpecHash: r.Destination, State: staging.ResourcePresent, CreatedAt: a.Now()}); err != nil {
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
