package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

const (
	// steady is how long a run must last to count as a success; by then the
	// engine begins its backoff anew as well.
	steady = 10 * time.Second
	// loopAfter is the number of new starts that make a loop.
	loopAfter = 3
	// codeTimeout is that of what ran longer than its time limit, as GNU timeout
	// has it.
	codeTimeout = 124
)

func (d *Driver) observeContainer(ctx context.Context, ref platform.Ref) (staging.Observation, error) {
	c, _, err := d.inspect(ctx, ref.Name)
	if errors.Is(err, errMissing) {
		return d.removed(ref)
	}
	if err != nil {
		return staging.Observation{}, err
	}
	o, err := d.observed(c, ref)
	if err == nil && o.Run == staging.RunExited {
		d.recordEnd(ref, o)
	}
	return o, err
}

// observed is what the engine says of a container, in the words of the contract.
func (d *Driver) observed(c container.InspectResponse, ref platform.Ref) (staging.Observation, error) {
	s := c.State
	if !d.begun(ref.Name, c) {
		return staging.Observation{Presence: staging.Absent}, nil
	}
	o := seen(c.Config.Labels, c.ID)
	o.Run, o.StartedAt, o.Restarts = runOf(s.Status), d.beganAt(ref.Name, s), c.RestartCount
	o.Exposes = exposed(c.Config.ExposedPorts)
	switch {
	case notStarted(s):
		o.Run, o.ExitCode, o.Reason = staging.RunExited, &s.ExitCode, s.Error
		o.ExitedAt = instant(c.Created)
		if restarts(c) {
			o.Run, o.ExitedAt = staging.RunFailing, time.Time{} // the engine does not try again by itself
		}
		return o, nil
	case o.Run == staging.RunExited:
		o = d.exited(o, c, ref)
		if done(c) {
			o.Run = staging.RunDone
		}
		return o, nil
	}
	if c.RestartCount == 0 {
		return o, nil
	}
	last, known := d.events.lastOf(c.ID)
	if s.Status == container.StateRestarting {
		last, known = ending{code: s.ExitCode, memory: s.OOMKilled || last.memory}, true
	}
	if known {
		o.Reason, o.Ending = reason(last.code, last.memory, c), endingOf(last.memory)
	} else {
		o.Reason = fmt.Sprintf("it ended and was started again %d times, the last time %s", c.RestartCount, s.FinishedAt)
	}
	failing := c.RestartCount >= loopAfter && (o.Run == staging.RunRestarting || o.Run == staging.RunRunning && time.Since(o.StartedAt) < steady)
	if failing {
		o.Run = staging.RunFailing
	}
	if known && o.Run != staging.RunRunning {
		o.ExitCode = &last.code
	}
	return o, nil
}

// beganAt is when what is in a container began, the last time.
func (d *Driver) beganAt(name string, s *container.State) time.Time {
	began := instant(s.StartedAt)
	if at, ok := d.opened(name); ok && at.After(began) {
		return at
	}
	return began
}

// exited says how a container ended for good.
func (d *Driver) exited(o staging.Observation, c container.InspectResponse, ref platform.Ref) staging.Observation {
	s := c.State
	code := s.ExitCode
	o.ExitedAt, o.ExitCode = instant(s.FinishedAt), &code
	last, _ := d.events.lastOf(o.Ref)
	memory := s.OOMKilled || (last.memory || last.hungry) && code != 0
	o.Reason, o.Ending = reason(code, memory, c), endingOf(memory)
	if s.Error != "" && o.Reason == "" {
		o.Reason = s.Error
	}
	if l, late := d.late(ref.Name); late && !o.ExitedAt.Before(o.StartedAt.Add(l)) {
		code, o.Reason, o.Ending = codeTimeout, "ran longer than "+l.String(), staging.EndingTime
	}
	return o
}

// restarts is whether the engine starts a container again.
func restarts(c container.InspectResponse) bool {
	return c.HostConfig != nil && (c.HostConfig.RestartPolicy.Name == startsAgain || c.HostConfig.RestartPolicy.IsOnFailure())
}

// done is whether a container has ended well where that is for good.
func done(c container.InspectResponse) bool {
	return c.State.Status == container.StateExited && c.State.ExitCode == 0 && c.HostConfig != nil && c.HostConfig.RestartPolicy.IsOnFailure()
}

func endingOf(memory bool) staging.Ending {
	if memory {
		return staging.EndingMemory
	}
	return staging.EndingOwn
}

// reason is how something ended, for people; "" where it ended well.
func reason(code int, memory bool, c container.InspectResponse) string {
	switch {
	case memory && c.HostConfig != nil && c.HostConfig.Memory > 0:
		return fmt.Sprintf("killed: out of memory (limit %d MB)", c.HostConfig.Memory>>20)
	case memory:
		return "killed: out of memory"
	case code == 0:
		return ""
	case code > 128 && code < 128+65:
		return fmt.Sprintf("ended by signal %d", code-128)
	}
	return fmt.Sprintf("exited with %d", code)
}

// instant is a time as the engine writes it; its zero is ours.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1970 {
		return time.Time{}
	}
	return t.UTC()
}

// lookAfterwards bounds the look that ends a wait whose ctx has ended.
const lookAfterwards = 5 * time.Second

// Wait implements platform.Driver.
func (d *Driver) Wait(ctx context.Context, ref platform.Ref, seen staging.Observation) (staging.Observation, error) {
	told, stop := d.events.listen(func(name, _ string) bool { return name == ref.Name })
	defer stop()
	for {
		o, err := d.lookAt(ctx, ref)
		if err != nil || o.Run != seen.Run || o.Presence != seen.Presence || ctx.Err() != nil {
			return o, err
		}
		var settles <-chan time.Time
		if o.Run == staging.RunFailing && !o.StartedAt.IsZero() { // nobody tells that it runs well by now
			timer := time.NewTimer(max(time.Until(o.StartedAt.Add(steady)), time.Second))
			defer timer.Stop()
			settles = timer.C
		}
		select {
		case <-told:
		case <-settles:
		case <-ctx.Done():
		}
	}
}

// lookAt is Observe, that answers also where ctx has ended.
func (d *Driver) lookAt(ctx context.Context, ref platform.Ref) (staging.Observation, error) {
	o, err := d.Observe(ctx, ref)
	if ctx.Err() == nil {
		return o, err
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookAfterwards)
	defer cancel()
	return d.Observe(late, ref)
}
