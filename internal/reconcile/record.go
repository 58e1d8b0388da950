package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"offshoot/internal/edge"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// record keeps what an environment is while a plan is executed: its phase, and
// why something waits.
func (a *actor) record(ctx context.Context, v *view, p plan.Plan) error {
	a.announce(v, p.Phase)
	reason := ""
	if len(p.Waiting) > 0 {
		reason = p.Waiting[0]
	}
	// Where nothing is left to do or wait for, what was waited for is over.
	rests := len(p.Waiting) == 0 && len(p.Ops) == 0 && v.Environment.Reason != ""
	if !rests && v.Environment.Phase == p.Phase && (reason == "" || strings.HasPrefix(v.Environment.Reason, reason)) {
		return nil
	}
	if p.Phase == staging.PhaseDegraded && reason != "" {
		reason += a.lastWords(ctx, v)
	}
	return a.Store.WriteSoon(ctx, func(w Writer) error {
		env, err := a.fence(ctx, w, v)
		if err != nil {
			return err
		}
		changed := env.Phase != p.Phase
		if !changed && !rests && (reason == "" || env.Reason == reason) {
			return nil
		}
		env.Phase = p.Phase
		if reason != "" {
			env.Reason = reason
		} else if rests || p.Phase == staging.PhaseReady || p.Phase == staging.PhaseAsleep || p.Phase == staging.PhaseDeploying {
			env.Reason = ""
		}
		if err := w.PutEnvironment(ctx, env); err != nil || !changed {
			return err
		}
		return a.event(ctx, w, env, "environment."+string(p.Phase), "is "+string(p.Phase))
	})
}

// recordSteps keeps how far a deployment is. Its operations run already: nobody
// waits for what only people look at.
func (a *actor) recordSteps(ctx context.Context, v *view, p plan.Plan) error {
	if !v.deploys() {
		return nil
	}
	seen := *v.Current
	if seen.Steps = slices.Clone(seen.Steps); len(a.track(&seen, p)) == 0 {
		return nil
	}
	return a.Store.WriteSoon(ctx, func(w Writer) error {
		env, err := a.fence(ctx, w, v)
		if err != nil {
			return err
		}
		dep, err := w.Deployment(ctx, v.Current.ID)
		if err != nil {
			return err
		}
		// On what is stored: it may have failed or ended meanwhile.
		if dep.Outcome != staging.OutcomeRunning {
			return nil
		}
		moved := a.track(&dep, p)
		if len(moved) == 0 {
			return nil
		}
		if err := w.PutDeployment(ctx, dep); err != nil {
			return err
		}
		return a.eventOf(ctx, w, env, "deployment.step", "deploys: "+moves(moved), map[string]any{"deployment": dep.ID, "steps": moved})
	})
}

// lastWords is the last line of the first service that crashes, for people.
func (a *actor) lastWords(ctx context.Context, v *view) string {
	for _, row := range v.Ledger {
		o := v.Observed[row.Name]
		if row.Kind != staging.ResourceWorkload || o.Restarts == 0 && o.Run != staging.RunRestarting {
			continue
		}
		words := ": " + o.Reason
		lines := a.lines(ctx, row.Name)
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i].Stream != "offshoot" {
				return words + ": " + string(lines[i].Text)
			}
		}
		return words
	}
	return ""
}

// announce lets the hosts of what serves nothing answer with its phase.
func (a *actor) announce(v *view, phase staging.Phase) {
	if phase == staging.PhaseDestroying || phase == staging.PhaseDestroyed {
		a.Edge.Remove(a.id)
		return
	}
	if v.Serving != nil || v.Predecessor || v.Current != nil && v.Current.Progress.Routed {
		return
	}
	for _, o := range a.running {
		if o.op.Action == plan.Route || o.op.Action == plan.Finish {
			return // it may have switched, or failed, since this was observed
		}
	}
	r := a.unserved(v, v.Current, phase)
	if old, ok := a.Edge.Route(a.id); ok && old.Phase == phase && len(old.Hosts) == len(r.Hosts) && (old.Failure == nil) == (r.Failure == nil) {
		return
	}
	a.Edge.Put(r)
}

// unserved lets the hosts of an environment say its phase, and why dep failed.
func (a *actor) unserved(v *view, dep *staging.Deployment, phase staging.Phase) edge.Route {
	r := edge.Route{Environment: a.id, Phase: phase, Hosts: map[string]edge.Target{}}
	var stack *staging.Stack
	if dep != nil {
		r.Failure, stack = dep.Failure, dep.Stack
	}
	for host, service := range a.Site.Hosts(v.project, v.Environment, stack) {
		r.Hosts[host] = edge.Target{Service: service}
	}
	return r
}

// track brings a deployment's timeline up to date with its plan: a step runs
// from its first operation's start to its last one's end. It answers the steps
// that changed.
func (a *actor) track(dep *staging.Deployment, p plan.Plan) (moved []staging.Step) {
	now := a.Now()
	for i := range dep.Steps {
		s := &dep.Steps[i]
		left, startable := false, false
		for _, op := range p.Ops {
			if op.Step == s.Name && op.Deployment == dep.ID {
				left = true
				startable = startable || len(op.After) == 0
			}
		}
		switch {
		case s.State == staging.StepPending && startable:
			s.State, s.StartedAt = staging.StepRunning, now
			moved = append(moved, *s)
		case s.State == staging.StepRunning && !left:
			s.State, s.DurationMS = staging.StepDone, now.Sub(s.StartedAt).Milliseconds()
			moved = append(moved, *s)
		}
	}
	return moved
}

// moves says of steps what became of them.
func moves(steps []staging.Step) string {
	var said []string
	for _, s := range steps {
		text := string(s.Name) + " " + string(s.State)
		if s.State == staging.StepDone {
			text += fmt.Sprintf(" in %d ms", s.DurationMS)
		}
		said = append(said, text)
	}
	return strings.Join(said, ", ")
}

// fence reads the environment again and refuses where it has moved on since
// the plan was made.
func (a *actor) fence(ctx context.Context, w Desires, v *view) (staging.Environment, error) {
	env, err := w.Environment(ctx, a.id)
	if err != nil {
		return env, err
	}
	if env.Generation != v.Environment.Generation || !env.DeleteRequestedAt.Equal(v.Environment.DeleteRequestedAt) {
		return env, errStale
	}
	return env, nil
}

// change edits the deployment in one fenced transaction.
func (a *actor) change(ctx context.Context, v *view, id string, edit func(*staging.Deployment)) error {
	return a.changeBy(ctx, a.Store.Write, v, id, edit)
}

// changeBy is change where the way to write is the caller's choice.
func (a *actor) changeBy(ctx context.Context, write func(context.Context, func(Writer) error) error, v *view, id string, edit func(*staging.Deployment)) error {
	return write(ctx, func(w Writer) error {
		if _, err := a.fence(ctx, w, v); err != nil {
			return err
		}
		return edited(ctx, w, id, edit)
	})
}

func edited(ctx context.Context, w Writer, id string, edit func(*staging.Deployment)) error {
	dep, err := w.Deployment(ctx, id)
	if err != nil {
		return err
	}
	edit(&dep)
	return w.PutDeployment(ctx, dep)
}

func (a *actor) event(ctx context.Context, w Writer, env staging.Environment, kind, message string) error {
	return a.eventOf(ctx, w, env, kind, message, nil)
}

func (a *actor) eventOf(ctx context.Context, w Writer, env staging.Environment, kind, message string, detail map[string]any) error {
	_, err := w.AppendEvent(ctx, staging.Event{At: a.Now(), Type: kind, Project: env.Project, Environment: env.ID, Actor: "server",
		Message: env.Branch + " " + message, Detail: detail})
	return err
}

// detail notes what a person wants to know of a step. It is no fact that
// anything rests on: failing is only logged.
func (a *actor) detail(dep string, step staging.StepName, text string) {
	err := a.Store.Write(a.ctx, func(w Writer) error {
		if err := edited(a.ctx, w, dep, func(d *staging.Deployment) {
			for i := range d.Steps {
				if d.Steps[i].Name == step {
					d.Steps[i].Detail = text
				}
			}
		}); err != nil {
			return err
		}
		env, err := w.Environment(a.ctx, a.id)
		if err != nil {
			return err
		}
		message := "deploys: " + string(step)
		if text != "" {
			message += ": " + text
		}
		return a.eventOf(a.ctx, w, env, "deployment.step", message, map[string]any{"deployment": dep})
	})
	if err != nil {
		a.Log.DebugContext(a.ctx, "detail", "environment", a.id, "error", err)
	}
}
