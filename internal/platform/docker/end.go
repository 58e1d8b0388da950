package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"offshoot/internal/copytree"
	"offshoot/internal/platform"
)

// killWait is how long the kernel may take to end what was killed.
const killWait = 30 * time.Second

// deafAgain is when it is seen again whether what was asked to end can hear.
const deafAgain = 500 * time.Millisecond

func (d *Driver) deleteContainer(ctx context.Context, ref platform.Ref) error {
	if err := d.startSettled(ctx, ref.Name); err != nil {
		return err
	}
	c, _, err := d.inspect(ctx, ref.Name)
	if errors.Is(err, errMissing) {
		return d.forget(ref)
	}
	if err != nil {
		return err
	}
	signal := ""
	if ref.Discard {
		signal = c.Config.Labels[labelDiscard]
	}
	begun := d.begun(ref.Name, c)
	if begun {
		if err := d.end(ctx, c, signal); err != nil {
			return err
		}
		if err := d.keepLog(ctx, ref.Name, c); err != nil {
			return err
		}
	}
	if err := d.remove(ctx, c.ID, true); err != nil {
		return err
	}
	return d.forget(ref)
}

// forget drops what is known of a container that is gone.
func (d *Driver) forget(ref platform.Ref) error {
	d.limits.drop(ref.Name)
	return errors.Join(d.closeGate(ref.Name), removeFile(d.lateFile(ref.Name)), removeFile(d.file(ref.Name)), copytree.Remove(d.ownCheckouts(ref.Name)))
}

// end asks a container to end, by signal or its own, then kills it. Impatience
// is no reason to kill: where ctx ends first it was asked and may be writing.
func (d *Driver) end(ctx context.Context, c container.InspectResponse, signal string) error {
	if c.State.Paused { // what stands still cannot end
		if err := d.resume(ctx, c.ID); err != nil {
			return err
		}
	}
	if c.State.Restarting {
		return d.endAtOnce(ctx, c.ID)
	}
	if !c.State.Running {
		return nil
	}
	grace := durationOf(c.Config.Labels, labelGrace)
	if signal != "" && restarts(c) {
		// The engine takes its stop signal alone for the wish that it ends.
		if err := d.startNoMore(ctx, c.ID); err != nil {
			return err
		}
	}
	signal = cmp.Or(signal, c.Config.StopSignal, "SIGTERM")
	if !d.deaf(c, signal) {
		if err := d.kill(ctx, c.ID, signal); err != nil {
			return err
		}
	}
	// Who is about to start another holds signals back, and is not deaf for that
	// moment.
	for _, wait := range []time.Duration{min(grace, deafAgain), grace - deafAgain} {
		if wait <= 0 || d.deaf(c, signal) {
			break // its grace would pass for nothing
		}
		if ended, err := d.ended(ctx, c.ID, wait); ended || err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("it was asked to end and has not yet: %w", ctx.Err())
		}
	}
	return d.endAtOnce(ctx, c.ID)
}

func (d *Driver) startNoMore(ctx context.Context, id string) error {
	return gone(d.setRestart(ctx, id, container.RestartPolicyDisabled))
}

func (d *Driver) setRestart(ctx context.Context, id string, policy container.RestartPolicyMode) error {
	_, err := call(ctx, d.engine, lookTime, "change a container", func(ctx context.Context) (client.ContainerUpdateResult, error) {
		return d.client.ContainerUpdate(ctx, id, client.ContainerUpdateOptions{RestartPolicy: &container.RestartPolicy{Name: policy}})
	})
	return err
}

// endAtOnce kills, also what the engine is about to start again.
func (d *Driver) endAtOnce(ctx context.Context, id string) error {
	now := 0
	_, err := call(ctx, d.engine, killWait, "stop a container", func(ctx context.Context) (client.ContainerStopResult, error) {
		return d.client.ContainerStop(ctx, id, client.ContainerStopOptions{Timeout: &now})
	})
	return gone(err)
}

func (d *Driver) kill(ctx context.Context, id, signal string) error {
	_, err := call(ctx, d.engine, lookTime, "signal a container", func(ctx context.Context) (client.ContainerKillResult, error) {
		return d.client.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: signal})
	})
	return gone(err)
}

// gone is err, unless it says that what is to end has ended.
func gone(err error) error {
	if errors.Is(err, errMissing) || errdefs.IsConflict(err) {
		return nil
	}
	return err
}

// ended waits for a container's end, as long as grace says.
func (d *Driver) ended(ctx context.Context, id string, grace time.Duration) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	w := d.client.ContainerWait(bounded, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-w.Result:
		return true, nil
	case err := <-w.Error:
		if bounded.Err() != nil {
			return false, nil
		}
		return errdefs.IsNotFound(err), gone(d.fault(ctx, "wait for a container's end", err))
	case <-bounded.Done():
		return false, nil
	}
}
