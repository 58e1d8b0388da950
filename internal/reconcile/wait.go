package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// await blocks until a build or task has ended, and records that.
func (a *actor) await(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	if op.Kind == staging.ResourceBundle {
		return a.settled(ctx, op)
	}
	ref := platform.Ref{Kind: op.Kind, Name: op.Resource, Owner: a.id}
	o, err := a.Platform.Observe(ctx, ref)
	if op.Kind == staging.ResourceBuild && o.Run == staging.RunRunning {
		defer a.tellBuild(ctx, dep, op)()
	}
	for err == nil && o.Presence == staging.Present && o.Run != staging.RunExited && ctx.Err() == nil {
		o, err = a.Platform.Wait(ctx, ref, o)
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case o.Presence == staging.Unknown:
		return &staging.Waiting{Reason: op.Resource + " cannot be observed: " + o.Reason}
	case o.Presence == staging.Absent || o.ExitCode == nil:
		o.Reason = "was cut off; how it ended is not known"
		return a.taskError(ctx, op, o)
	case *o.ExitCode != 0:
		return a.taskError(ctx, op, o)
	}
	return a.change(ctx, v, dep.ID, func(d *staging.Deployment) {
		if op.Kind == staging.ResourceBuild {
			d.Progress.Artifact = o.Ref
			d.Progress.Images = withImages(d.Progress.Images, o.Images)
			return
		}
		if !slices.Contains(d.Progress.Ended, op.Resource) {
			d.Progress.Ended = append(d.Progress.Ended, op.Resource)
		}
		if op.Service == "release" && op.Instance == len(d.Stack.Release)-1 {
			d.Progress.ReleaseDone = true
		}
		if op.Service == "seed" {
			d.Progress.SeedDone = true
		}
	})
}

// tellBuild keeps in its step how far a build is, by what its platform remarks of
// it; end stops that.
func (a *actor) tellBuild(ctx context.Context, dep *staging.Deployment, op plan.Op) (end func()) {
	logger, ok := a.Platform.(platform.Logger)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	say, red := a.saying(ctx, dep.ID, op.Step), a.redactor(ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		// Without it the build goes on, and its log has all of it.
		_ = logger.Logs(ctx, platform.LogQuery{Owner: a.id, Names: []string{op.Resource}, Follow: true, Tail: -1}, func(l platform.LogLine) error {
			if l.Stream == "offshoot" {
				say.say(red.String(string(l.Text)))
			}
			return nil
		})
	})
	return func() {
		cancel()
		reading.Wait()
		say.end()
	}
}

func (a *actor) taskError(ctx context.Context, op plan.Op, o staging.Observation) error {
	what := "the " + op.Service + " task"
	if hook, ok := plan.HookOf(op.Service); ok {
		what = "hook " + string(hook)
	} else if op.Kind == staging.ResourceBuild {
		what = "the build"
	}
	class := stepClass[op.Step]
	if o.Ending == staging.EndingTime {
		class = staging.ClassTimeout
	}
	f := &staging.Failure{Class: class, Step: op.Step, Service: op.Service, Message: what + " failed: " + o.Reason, ExitCode: o.ExitCode,
		LogTail: a.tail(ctx, op.Resource)}
	if known := o.Failure; known != nil {
		f.Class, f.Service, f.Hint, f.File, f.Line, f.Problems = known.Class, known.Service, known.Hint, known.File, known.Line, known.Problems
		f.Message, f.ExitCode = known.Message, known.ExitCode
		class = f.Class
	}
	switch {
	case o.Ending != staging.EndingMemory:
	case op.Kind == staging.ResourceBuild:
		f.Hint = "let it do less at the same time, or build on a machine with more memory: a build may use half of it"
	default:
		f.Hint = moreMemory
	}
	return &staging.Error{Code: staging.ClassCode(class), Message: f.Message, Failure: f}
}

// moreMemory is what helps what was killed for want of it.
const moreMemory = "give its service more: deploy.resources.limits.memory, or a larger --size"

// ready blocks until a data server answers, then prepares what was copied.
func (a *actor) ready(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	d, ok := dep.Stack.Datastore(op.Service)
	if !ok {
		return fmt.Errorf("the stack has no datastore %s", op.Service)
	}
	driver, c, err := a.cloneOf(ctx, v, dep, d.Name)
	if err != nil {
		return err
	}
	at, err := a.dataAddress(ctx, dep, d.Name)
	if err != nil {
		return err
	}
	err = a.unlessItFails(ctx, op, func(ctx context.Context) error { return driver.Ready(ctx, c, at) })
	if err != nil {
		return staging.Errorf(staging.ClassCode(staging.ClassData), "look at the last lines of the server", "datastore %s does not answer: %w", d.Name, err)
	}
	if err := driver.Prepare(ctx, c, at); err != nil {
		return err
	}
	a.mem.setReady(op.Resource, true)
	return nil
}

// lookAfter is when it is first looked whether what is to come up gives up. Most
// is up before, and needs the processors that looking takes.
const lookAfter = 100 * time.Millisecond

// unlessItFails runs wait, and ends it when the workload gives up.
func (a *actor) unlessItFails(ctx context.Context, op plan.Op, wait func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		timer := time.NewTimer(lookAfter)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		ref := platform.Ref{Kind: op.Kind, Name: op.Resource, Owner: a.id}
		o, err := a.Platform.Observe(ctx, ref)
		for err == nil && ctx.Err() == nil {
			if o.Run == staging.RunFailing || o.Run == staging.RunExited || o.Presence == staging.Absent {
				if o.Reason == "" {
					o.Reason = "it ended"
				}
				cancel(&gaveUp{o})
				return
			}
			o, err = a.Platform.Wait(ctx, ref, o)
		}
	}()
	err := wait(ctx)
	var gone *gaveUp
	if errors.As(context.Cause(ctx), &gone) {
		return gone
	}
	return err
}

// crashing is how a workload ended last that is started again and again; nil
// for one that has never ended.
func (a *actor) crashing(ctx context.Context, op plan.Op) error {
	o, err := a.Platform.Observe(ctx, platform.Ref{Kind: op.Kind, Name: op.Resource, Owner: a.id})
	if err != nil || o.Restarts == 0 {
		return nil
	}
	return &gaveUp{o}
}

// gaveUp is how a workload ended that should run.
type gaveUp struct{ seen staging.Observation }

func (g *gaveUp) Error() string { return "it does not stay up: " + g.seen.Reason }

// notFound is how a command ends that is not there, by the platform's word or a
// shell's (POSIX, 2.8.2).
const notFound = 127

// health blocks until a service can serve.
func (a *actor) health(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	s, ok := dep.Stack.Service(op.Service)
	if !ok {
		return fmt.Errorf("the stack has no service %s", op.Service)
	}
	limit := s.Health.Timeout
	if limit <= 0 {
		limit = healthLimit
	}
	limit = patience(dep, limit)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var listens []string
	err := a.unlessItFails(limited, op, func(ctx context.Context) (err error) {
		listens, err = a.healthy(ctx, v, dep, s, op)
		return err
	})
	var gone *gaveUp
	if err != nil && ctx.Err() == nil && !errors.As(err, &gone) {
		err = errors.Join(err, a.crashing(ctx, op))
	}
	switch {
	case err == nil:
		a.mem.setReady(op.Resource, true)
		a.remarkOpen(ctx, dep, s, op, listens)
		return nil
	case errors.As(err, &gone):
		f := &staging.Failure{Class: staging.ClassStart, Step: staging.StepStart, Service: s.Name, Message: "service " + s.Name + " does not stay up: " + gone.seen.Reason,
			ExitCode: gone.seen.ExitCode, LogTail: a.tail(ctx, op.Resource)}
		switch code := gone.seen.ExitCode; {
		case gone.seen.Ending == staging.EndingMemory:
			f.Hint = moreMemory
		case code != nil && *code == 0:
			f.Hint = "a service stays in the foreground until it is stopped: take away what sends it to the background; what ends by itself is a release task"
		case code != nil && *code == notFound:
			f.Hint = "neither the revision, its build nor this host has that program where it is looked for: x-offshoot.process.command, or a line of a Procfile, says what runs here"
		}
		return &staging.Error{Code: staging.ClassCode(staging.ClassStart), Message: f.Message, Failure: f, Err: err}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if f := a.elsewhere(ctx, dep, s, op, err); f != nil {
		return &staging.Error{Code: staging.ClassCode(f.Class), Message: f.Message, Hint: f.Hint, Failure: f, Err: err}
	}
	return staging.Errorf(staging.ClassCode(staging.ClassHealth), doubt(s), "service %s was not healthy within %s: %w", s.Name, limit, err)
}

// doubt is what to ask about a service that is not healthy in time, by how that
// is seen.
func doubt(s staging.Service) string {
	more := " x-offshoot.health.timeout is how long it may take"
	switch h := s.Health; {
	case h.Path != "":
		return "does " + h.Path + " answer below 400 on $PORT?" + more
	case !h.Test.Empty() && !h.Disabled:
		return "does its check succeed? `offshoot console` has a shell to try it in;" + more
	case len(s.Ports) == 0 || h.Disabled:
		return "does it stay up?" + more
	}
	return "does it listen on $PORT at 127.0.0.1 or 0.0.0.0?" + more
}
