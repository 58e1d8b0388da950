package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"offshoot/internal/apiclient"
	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// deployed follows a deployment to its end and shows how that is.
func (s *stdio) deployed(ctx context.Context, c *apiclient.Client, v wire.Environment) error {
	if !s.waits() || v.Deployment == nil {
		return s.shown(v)
	}
	if v.Deployment.Outcome == string(staging.OutcomeSucceeded) {
		s.say("%s serves already: nothing to do", human.Revision(v.Revision.Desired))
		return s.shown(v)
	}
	v, err := s.follow(ctx, c, v)
	if err != nil {
		return err
	}
	switch staging.Outcome(v.Deployment.Outcome) {
	case staging.OutcomeSucceeded:
		return s.shown(v)
	case staging.OutcomeSuperseded:
		s.subject = v
		return staging.Errorf(staging.CodeSuperseded, "offshoot wait "+v.ID, "the deployment was superseded by %s", v.Deployment.Successor)
	case staging.OutcomeCancelled:
		s.subject = v
		return s.cancelled(ctx, c, v)
	}
	if s.json {
		s.object(v)
	}
	s.failure(v.Failure)
	return &reported{1}
}

// say tells a person something beside the answer.
func (s *stdio) say(format string, args ...any) {
	if !s.quiet {
		_, _ = fmt.Fprintf(s.err, format+"\n", args...)
	}
}

func (s *stdio) shown(v wire.Environment) error {
	for _, l := range v.Links {
		if l.State == wire.LinkUndeclared {
			s.say("note: the stack declares no link %s: it leads nowhere until x-offshoot.links has one; offshoot link %s %s= takes it back", l.Name, v.ID, l.Name)
		}
	}
	for _, n := range v.Notes {
		if n.Kind == staging.NoteMissing && n.Key == "services" {
			s.say("warning: %s\nhint: %s", n.Message, n.Hint)
		}
	}
	if s.json {
		s.object(v)
		return nil
	}
	_, err := fmt.Fprintln(s.out, v.URL)
	return err
}

// cancelled says what came after an environment that was destroyed while it
// was deployed to.
func (s *stdio) cancelled(ctx context.Context, c *apiclient.Client, v wire.Environment) *staging.Error {
	next, err := c.Resolve(ctx, v.Project, branchPrefix+v.Branch)
	if err == nil && next.ID != v.ID {
		return staging.Errorf(staging.CodeCancelled, "offshoot wait "+next.ID, "the deployment was cancelled: the environment was destroyed; its successor is %s", next.ID)
	}
	return staging.Errorf(staging.CodeCancelled, "offshoot create "+v.Branch, "the deployment was cancelled: the environment was destroyed")
}

// failure shows what failed on stderr.
func (s *stdio) failure(f *staging.Failure) {
	if f != nil {
		writeFailure(s.err, f)
	}
}

// writeFailure is a failure for people: where in which file, the last lines of
// what failed, the cause, and what to do.
func writeFailure(w io.Writer, f *staging.Failure) {
	for _, p := range f.Problems {
		if p.File != "" {
			_, _ = fmt.Fprintln(w, p)
		}
	}
	for _, l := range f.LogTail {
		_, _ = fmt.Fprintln(w, "  |", l)
	}
	_, _ = fmt.Fprintf(w, "error: %s: %s\n", f.Class, f.Message)
	_, _ = fmt.Fprintln(w, "hint:", f.Hint)
	for _, n := range f.Next {
		_, _ = fmt.Fprintf(w, "next: %s  (%s)\n", n.Command, n.Why)
	}
}

// eventWait is how long one question for events waits.
const eventWait = 20 * time.Second

// follow shows the steps of v's deployment until that one has ended, however
// many were asked for meanwhile. A lost connection is tried again until the
// timeout.
func (s *stdio) follow(ctx context.Context, c *apiclient.Client, v wire.Environment) (wire.Environment, error) {
	id := v.Deployment.ID
	shown := s.progress()
	defer shown.close()
	s.goesOn, s.subject = goesOn(v), v
	own := v.Deployment
	last, err := s.looking(ctx, c, v.ID, func(v wire.Environment) bool {
		if v.Deployment != nil && v.Deployment.ID == id {
			own = v.Deployment
		} else if list, err := c.Deployments(ctx, v.ID); err == nil {
			for _, d := range list.Items {
				if d.ID == id {
					own = &d
				}
			}
		}
		shown.update(own, v)
		return own.Outcome != string(staging.OutcomeRunning)
	})
	if own.ID == id && last.ID != "" {
		last.Deployment, last.Failure = own, own.Failure
	}
	return last, err
}

// until waits for an environment to be as it is wanted, and shows meanwhile
// what is done with it.
func (s *stdio) until(ctx context.Context, c *apiclient.Client, id string, enough func(wire.Environment) bool) (wire.Environment, error) {
	shown := s.progress()
	defer shown.close()
	deployment := ""
	return s.looking(ctx, c, id, func(v wire.Environment) bool {
		d := v.Deployment
		if d != nil && d.Outcome == string(staging.OutcomeRunning) {
			deployment = d.ID
		}
		if d != nil && d.ID == deployment && v.Phase != string(staging.PhaseDestroying) {
			shown.update(d, v)
		} else {
			shown.phase(v)
		}
		if s.goesOn == "" {
			s.goesOn = goesOn(v)
		}
		return enough(v)
	})
}

// looking looks at an environment after each of its events.
func (s *stdio) looking(ctx context.Context, c *apiclient.Client, id string, enough func(wire.Environment) bool) (v wire.Environment, err error) {
	err = s.each(ctx, c, id, "offshoot wait "+id, func(ctx context.Context) (bool, error) {
		now, err := c.Environment(ctx, id)
		if err != nil {
			return false, err
		}
		v = now
		s.subject = v
		return enough(v), nil
	})
	return v, err
}

// each looks again after each event of an environment, until it has seen
// enough. A lost connection is tried again until the timeout; goesOn is the
// command that watches the work then.
func (s *stdio) each(ctx context.Context, c *apiclient.Client, environment, goesOn string, look func(context.Context) (enough bool, err error)) error {
	waited, cancel := context.WithTimeout(ctx, s.wait.timeout)
	defer cancel()
	var after int64
	var lost error
	pause := 100 * time.Millisecond
	for {
		events, err := c.Events(waited, apiclient.EventFilter{After: after, Environment: environment}, 0)
		for err == nil && len(events.Items) > 0 {
			after = events.Items[len(events.Items)-1].Seq
			events, err = c.Events(waited, apiclient.EventFilter{After: after, Environment: environment}, 0)
		}
		enough := false
		if err == nil {
			enough, err = look(waited)
		}
		if err == nil && enough {
			return nil
		}
		if err == nil {
			_, err = c.Events(waited, apiclient.EventFilter{After: after, Environment: environment}, eventWait)
		}
		if waited.Err() == nil {
			lost = err
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case waited.Err() != nil && lost != nil:
			return staging.Errorf(staging.CodeUnreachable, "when the server is back the work goes on: "+goesOn, "the connection was lost, and did not come back within %s: %w", s.wait.timeout, lost)
		case errors.Is(waited.Err(), context.DeadlineExceeded):
			return staging.Errorf(staging.CodeTimeout, "the work goes on: "+goesOn, "not done within %s", s.wait.timeout)
		case staging.CodeOf(err) == staging.CodeUnreachable:
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-waited.Done():
			}
			timer.Stop()
			pause = min(2*pause, 2*time.Second)
		case err != nil:
			return err
		}
	}
}
