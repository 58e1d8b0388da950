package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/redact"
	"offshoot/internal/staging"
)

// tailLines is how much of what failed a failure shows.
const tailLines = 20

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
	a.blameDisk(f, r.err)
	a.advise(f, r)
	a.adviseOnData(ctx, f, r.dep)
	red := a.redactor(ctx)
	f.Message, f.Hint, f.LogTail = red.String(f.Message), red.String(f.Hint), slices.Clone(f.LogTail)
	for i, line := range f.LogTail {
		f.LogTail[i] = red.String(line)
	}
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
	if r.dep != nil && r.op.Action != plan.Delete { // as whoever waits at the edge is told
		f := a.explain(ctx, r)
		reason = f.Message + "; " + f.Hint
	}
	return a.Store.Write(ctx, func(w Writer) error {
		rows, err := w.Resources(ctx, a.id)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Name == r.op.Resource && r.op.Action == plan.Delete {
				row.DeleteReason = reason
				if err := w.PutResource(ctx, row); err != nil {
					return err
				}
			}
		}
		env, err := w.Environment(ctx, a.id)
		if err != nil || r.op.Action == plan.Delete && env.DeleteRequestedAt.IsZero() {
			return err // it has other things to say
		}
		if r.op.Action == plan.Delete {
			reason = strings.TrimPrefix(r.op.Resource, a.id+"/") + " cannot be removed: " + strings.TrimPrefix(reason, r.op.Resource+": ")
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
