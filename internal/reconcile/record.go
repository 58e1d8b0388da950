package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"offshoot/internal/edge"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/redact"
	"offshoot/internal/staging"
)

// tailLines is how much of what failed a failure shows.
const tailLines = 20

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
	return a.Store.Write(ctx, func(w Writer) error {
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
	if v.Current == nil || v.Current.Outcome != staging.OutcomeRunning {
		return nil
	}
	seen := *v.Current
	if seen.Steps = slices.Clone(seen.Steps); len(a.track(&seen, p)) == 0 {
		return nil
	}
	return a.Store.Write(ctx, func(w Writer) error {
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
		if o.op.Action == plan.Route {
			return // it may have switched since this was observed
		}
	}
	r := edge.Route{Environment: a.id, Phase: phase, Hosts: map[string]edge.Target{}}
	var stack *staging.Stack
	if v.Current != nil {
		r.Failure, stack = v.Current.Failure, v.Current.Stack
	}
	for host, service := range a.Site.Hosts(v.project, v.Environment, stack) {
		r.Hosts[host] = edge.Target{Service: service}
	}
	if old, ok := a.Edge.Route(a.id); ok && old.Phase == phase && len(old.Hosts) == len(r.Hosts) && (old.Failure == nil) == (r.Failure == nil) {
		return
	}
	a.Edge.Put(r)
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
func (a *actor) fence(ctx context.Context, w Writer, v *view) (staging.Environment, error) {
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
	return a.Store.Write(ctx, func(w Writer) error {
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

// stepClass is what it means that a step failed.
var stepClass = map[staging.StepName]staging.Class{
	staging.StepCheckout: staging.ClassSource, staging.StepManifest: staging.ClassManifest, staging.StepBuild: staging.ClassBuild,
	staging.StepData: staging.ClassData, staging.StepRelease: staging.ClassMigration, staging.StepStart: staging.ClassStart,
	staging.StepHealth: staging.ClassHealth, staging.StepRoute: staging.ClassInternal,
}

// explain makes the failure that people see of an operation's error.
func (a *actor) explain(ctx context.Context, r result) *staging.Failure {
	f := &staging.Failure{Class: stepClass[r.op.Step], Step: r.op.Step, Service: r.op.Service, Message: r.err.Error(), LogTail: []string{},
		Problems: []staging.Problem{}, Next: []staging.NextCommand{}}
	var e *staging.Error
	if errors.As(r.err, &e) {
		f.Hint = e.Hint
		if e.Failure != nil {
			inner := *e.Failure
			f = &inner
			if f.Step == "" {
				f.Step = r.op.Step
			}
		}
		if slices.Contains([]staging.Class{staging.ClassSource, staging.ClassManifest, staging.ClassPolicy, staging.ClassData, staging.ClassCapacity,
			staging.ClassPlatform, staging.ClassTimeout, staging.ClassStart, staging.ClassHealth, staging.ClassBuild, staging.ClassMigration}, staging.Class(e.Code)) {
			f.Class = staging.Class(e.Code)
		}
	}
	switch {
	case f.Class != "":
	case r.op.Kind == staging.ResourceScope || r.op.Kind == staging.ResourceEndpoint:
		f.Class = staging.ClassPlatform
	default:
		f.Class = staging.ClassInternal
	}
	if f.Step == "" {
		f.Step = staging.StepStart
	}
	if len(f.LogTail) == 0 && (r.op.Kind == staging.ResourceWorkload || r.op.Kind == staging.ResourceTask || r.op.Kind == staging.ResourceBuild) {
		f.LogTail = a.tail(ctx, r.op.Resource)
	}
	if f.Problems == nil {
		f.Problems = []staging.Problem{}
	}
	if f.LogTail == nil {
		f.LogTail = []string{}
	}
	a.advise(f, r)
	a.adviseOnData(ctx, f, r.dep)
	red := a.redactor(ctx)
	f.Message, f.Hint = red.String(f.Message), red.String(f.Hint)
	return f
}

// advise adds what to do now.
func (a *actor) advise(f *staging.Failure, r result) {
	env := a.id
	f.Retryable = slices.Contains([]staging.Class{staging.ClassCapacity, staging.ClassPlatform, staging.ClassTimeout, staging.ClassInternal}, f.Class)
	if (f.Step == staging.StepBuild || f.Step == staging.StepRelease) && len(f.LogTail) > 0 {
		f.Next = append(f.Next, staging.NextCommand{Command: fmt.Sprintf("offshoot logs %s --step %s", env, f.Step), Why: "all that it wrote"})
	} else if f.Service != "" && len(f.LogTail) > 0 {
		f.Next = append(f.Next, staging.NextCommand{Command: fmt.Sprintf("offshoot logs %s %s", env, f.Service), Why: "all that it wrote"})
	}
	f.Next = append(f.Next, staging.NextCommand{Command: "offshoot create " + r.dep.Options.Branch(a.branch()), Why: "try again once it is mended"})
	if f.Hint == "" {
		f.Hint = map[staging.Class]string{staging.ClassBuild: "mend what the last lines say, and push",
			staging.ClassMigration: "mend the release task, and push", staging.ClassStart: "look at the service's last lines; run its command with the same variables",
			staging.ClassHealth: "does the service listen on $PORT? is its health path right?", staging.ClassData: "look at the datastore's log",
			staging.ClassTimeout: "why does it take so long? x-offshoot.release.timeout and the project's build timeout are its limits",
			staging.ClassSource:  "is the commit still in the repository?"}[f.Class]
	}
	if f.Hint == "" {
		f.Hint = "look at the server's log"
	}
}

func (a *actor) branch() string {
	env, err := a.Store.Environment(a.ctx, a.id)
	if err != nil {
		return ""
	}
	return env.Branch
}

// tail is the last output of a resource, without secrets.
func (a *actor) tail(ctx context.Context, name string) []string {
	texts := []string{}
	for _, l := range a.lines(ctx, name) {
		texts = append(texts, string(l.Text))
	}
	return texts
}

func (a *actor) lines(ctx context.Context, name string) (lines []platform.LogLine) {
	logger, ok := a.Platform.(platform.Logger)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	red := a.redactor(ctx)
	_ = logger.Logs(ctx, platform.LogQuery{Owner: a.id, Names: []string{name}, Tail: tailLines}, func(l platform.LogLine) error {
		l.Text = []byte(red.String(string(l.Text)))
		lines = append(lines, l)
		return nil
	})
	return lines
}

func (a *actor) redactor(ctx context.Context) *redact.Redactor {
	return a.Redactor(ctx, a.id)
}

// Redactor hides the secrets of an environment's project and its own
// passwords.
func (e *Engine) Redactor(ctx context.Context, environment string) *redact.Redactor {
	env, err := e.Store.Environment(ctx, environment)
	if err != nil {
		return redact.New(nil)
	}
	var values []string
	if p, err := e.Store.Project(ctx, env.Project); err == nil {
		vars, _ := e.Variables(ctx, p, env) // without them nothing of theirs can be in a log
		for _, v := range vars {
			if v.Secret {
				values = append(values, v.Value)
			}
		}
	}
	for _, d := range env.Data {
		values = append(values, e.Password(env.ID, d.Name))
	}
	return redact.New(values)
}

// fail ends a deployment: from here on the planner recovers.
func (a *actor) fail(ctx context.Context, r result) error {
	failure := a.explain(ctx, r)
	return a.Store.Write(ctx, func(w Writer) error {
		return edited(ctx, w, r.dep.ID, func(d *staging.Deployment) {
			if d.Outcome != staging.OutcomeRunning || d.Failure != nil {
				return
			}
			d.Failure = failure
			now := a.Now()
			for i := range d.Steps {
				s := &d.Steps[i]
				switch {
				case s.Name == failure.Step:
					if s.StartedAt.IsZero() {
						s.StartedAt = now
					}
					s.State, s.DurationMS = staging.StepFailed, now.Sub(s.StartedAt).Milliseconds()
				case s.State == staging.StepRunning:
					s.State = staging.StepSkipped
				}
			}
		})
	})
}

// complain keeps why something is not done yet: on the row of what cannot be
// deleted, on the environment of what cannot wake.
func (a *actor) complain(ctx context.Context, r result) error {
	reason := a.redactor(ctx).String(r.err.Error())
	return a.Store.Write(ctx, func(w Writer) error {
		rows, err := w.Resources(ctx, a.id)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Name == r.op.Resource && r.op.Action == plan.Delete {
				row.DeleteReason = reason
				return w.PutResource(ctx, row)
			}
		}
		env, err := w.Environment(ctx, a.id)
		if err != nil {
			return err
		}
		if env.Reason == reason {
			return nil
		}
		env.Reason = reason
		if err := w.PutEnvironment(ctx, env); err != nil {
			return err
		}
		return a.event(ctx, w, env, "environment.trouble", "has trouble and is tried again: "+reason)
	})
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
		return a.eventOf(a.ctx, w, env, "deployment.step", "deploys: "+string(step)+": "+text, map[string]any{"deployment": dep})
	})
	if err != nil {
		a.Log.DebugContext(a.ctx, "detail", "environment", a.id, "error", err)
	}
}
