package docker

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// inspect is a container of ours, errMissing where there is none; stranger
// is whether somebody else's has the name.
func (d *Driver) inspect(ctx context.Context, name string) (c container.InspectResponse, stranger bool, err error) {
	r, err := call(ctx, d.engine, lookTime, "look at a container", func(ctx context.Context) (client.ContainerInspectResult, error) {
		return d.client.ContainerInspect(ctx, d.engineName(name), client.ContainerInspectOptions{})
	})
	if err != nil {
		return c, false, err
	}
	if r.Container.Config == nil || r.Container.State == nil || !d.isOurs(r.Container.Config.Labels, name) {
		return c, true, errMissing
	}
	return r.Container, false, nil
}

// applyContainer makes and starts a workload or task unless it is there. A task
// that began once is never begun again; a workload that has ended is.
func (d *Driver) applyContainer(ctx context.Context, r platform.Resource) error {
	if r.Workload == nil {
		return errors.New("nothing says what to run")
	}
	// What was to start it ahead may have been given up, not the start.
	if err := d.startSettled(ctx, r.Name); err != nil {
		return err
	}
	c, stranger, err := d.inspect(ctx, r.Name)
	switch {
	case stranger:
		return d.taken("container", r.Name)
	case err == nil && d.begun(r.Name, c):
		if c.Config.Labels[labelSpec] != r.SpecHash {
			return staging.Errorf(staging.CodeInternal, "", "another specification has this name already")
		}
		if r.Kind == staging.ResourceWorkload && c.State.Status == container.StateExited && !done(c) {
			return d.start(ctx, r, c.ID) // somebody stopped it, or the engine was
		}
		return d.startsAgain(ctx, r, c)
	case err == nil:
		if begins, err := d.proceed(ctx, r, c); begins || err != nil {
			return err
		}
		// Never begun: what it would get may have changed since. It is not
		// forced, unless it waits: if it is just being started after all, that is
		// what is wanted.
		if err := d.remove(ctx, c.ID, c.Config.Labels[labelGate] != ""); err != nil {
			return err
		}
		if err := d.closeGate(r.Name); err != nil {
			return err
		}
	case !errors.Is(err, errMissing):
		return err
	default:
		o, err := d.removed(platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner})
		if err == nil && o.SpecHash != r.SpecHash {
			return staging.Errorf(staging.CodeInternal, "", "another specification has this name already")
		}
		if !errors.Is(err, errMissing) {
			return err // it began once
		}
	}
	id, err := d.create(ctx, r, false)
	if err != nil {
		return err
	}
	return d.start(ctx, r, id)
}

// begun is whether what is in a container ever began.
func (d *Driver) begun(name string, c container.InspectResponse) bool {
	if c.Config.Labels[labelGate] != "" {
		_, open := d.opened(name)
		return open
	}
	return begun(c.State)
}

// begun is whether a container was ever started, or its command could not be.
func begun(s *container.State) bool {
	return s.Status != container.StateCreated || notStarted(s)
}

// notStarted is whether the command could not be started: that is its end. Where
// the engine itself failed nothing was begun.
func notStarted(s *container.State) bool {
	return s.Status == container.StateCreated && s.Error != "" && (s.ExitCode == 126 || s.ExitCode == 127)
}

func (d *Driver) create(ctx context.Context, r platform.Resource, ahead bool) (string, error) {
	options, err := d.options(ctx, r)
	if err == nil && ahead {
		err = d.gate(ctx, r, &options)
	}
	if err != nil {
		return "", err
	}
	if err := errors.Join(d.copyCheckout(ctx, r.Name, r.Workload), d.writeFiles(r.Name, r.Workload)); err != nil {
		return "", err
	}
	made, err := d.make(ctx, options)
	if isImage(err) && d.pulls(r.Workload) {
		if err := d.pull(ctx, r.Workload.Labels["project"], r.Workload.Image); err != nil {
			return "", err
		}
		made, err = d.make(ctx, options)
	}
	switch {
	case err == nil:
		return made.ID, nil
	case isImage(err):
		return "", noImage(options.Config.Image, err)
	case errdefs.IsConflict(err):
		id, err := d.makeAnew(ctx, r, options)
		return id, d.unfit(r.Workload.Service, err)
	}
	return "", d.unfit(r.Workload.Service, err)
}

// makeAnew makes a container whose name was taken a moment ago: by one that the
// engine made, or is still making, for an order that was given up, or that it has
// not yet removed.
func (d *Driver) makeAnew(ctx context.Context, r platform.Resource, options client.ContainerCreateOptions) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, makeTime)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		id, err := d.makeInstead(ctx, r, options)
		if !errdefs.IsConflict(err) {
			return id, err
		}
		select {
		case <-bounded.Done():
			return id, err
		case <-time.After(pause):
		}
	}
}

func (d *Driver) makeInstead(ctx context.Context, r platform.Resource, options client.ContainerCreateOptions) (string, error) {
	c, stranger, err := d.inspect(ctx, r.Name)
	going := err == nil && (c.State.Status == container.StateRemoving || c.State.Status == container.StateDead)
	switch {
	case stranger, err == nil && begun(c.State) && !going:
		return "", d.taken("container", r.Name)
	case err == nil:
		if err := d.remove(ctx, c.ID, going); err != nil {
			return "", err
		}
	case !errors.Is(err, errMissing):
		return "", err
	}
	made, err := d.make(ctx, options)
	return made.ID, err
}

// isImage is whether it is an image that is not there. The engine has no other
// way to say so.
func isImage(err error) bool {
	return errors.Is(err, errMissing) && strings.Contains(strings.ToLower(err.Error()), "no such image")
}

func noImage(image string, err error) error {
	if !isImage(err) {
		return err
	}
	return staging.Errorf(staging.ClassCode(staging.ClassStart), "see its name, or get it: docker pull "+image, "the engine has no image %s: %w", image, err)
}

// pulls is whether an image that is not there can be got.
func (d *Driver) pulls(w *staging.WorkloadSpec) bool { return d.builder != nil && w.Built == "" }

func (d *Driver) pull(ctx context.Context, project, image string) error {
	ctx, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	return d.builder.Pull(ctx, project, image, func(string, bool) {})
}

func (d *Driver) make(ctx context.Context, options client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	return call(ctx, d.engine, makeTime, "make a container", func(ctx context.Context) (client.ContainerCreateResult, error) {
		return d.client.ContainerCreate(ctx, options)
	})
}

// start begins what was made. A command that cannot be started is no error: it
// is observed as ended.
func (d *Driver) start(ctx context.Context, r platform.Resource, id string) error {
	if err := d.recordBegin(r); err != nil {
		return err
	}
	err := d.startContainer(ctx, r.Name, id)
	if err != nil {
		c, _, look := d.inspect(ctx, r.Name)
		if look != nil || !begun(c.State) {
			return d.unfit(r.Workload.Service, err)
		}
	}
	d.limitOf(ctx, r)
	return nil
}

// startContainer goes on where ctx ends: the engine does not give up what it has
// begun. One that is removed meanwhile would leave a connection behind that older
// engines count in its network until they are started again (moby/moby#42119).
func (d *Driver) startContainer(ctx context.Context, name, id string) error {
	giveBack, err := d.turns.take(ctx, startTurn(name))
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	d.life.Go(func() {
		defer giveBack()
		_, err := call(context.WithoutCancel(ctx), d.engine, startTime, "start a container", func(ctx context.Context) (client.ContainerStartResult, error) {
			return d.client.ContainerStart(ctx, id, client.ContainerStartOptions{})
		})
		started <- err
	})
	select {
	case err := <-started:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func startTurn(name string) string { return name + "/start" }

// startSettled waits for a container that is being started.
func (d *Driver) startSettled(ctx context.Context, name string) error {
	giveBack, err := d.turns.take(ctx, startTurn(name))
	if err == nil {
		giveBack()
	}
	return err
}

func (d *Driver) limitOf(ctx context.Context, r platform.Resource) {
	if r.Kind == staging.ResourceTask && r.Workload.Timeout > 0 {
		d.limit(ctx, r.Name)
	}
}

// remove is done when it is gone, whoever asked the engine first: an order that
// was given up goes on there.
func (d *Driver) remove(ctx context.Context, id string, force bool) error {
	_, err := call(ctx, d.engine, makeTime, "remove a container", func(ctx context.Context) (client.ContainerRemoveResult, error) {
		return d.client.ContainerRemove(ctx, id, client.ContainerRemoveOptions{RemoveVolumes: true, Force: force})
	})
	if errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress") { // the engine has no other way to say so
		err = d.removing(ctx, id)
	}
	if errors.Is(err, errMissing) {
		return nil
	}
	return err
}

// removing waits for the end of a removal that is under way.
func (d *Driver) removing(ctx context.Context, id string) error {
	bounded, cancel := context.WithTimeout(ctx, makeTime)
	defer cancel()
	w := d.client.ContainerWait(bounded, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case <-w.Result:
		return nil
	case err := <-w.Error:
		return d.fault(ctx, "remove a container", err)
	}
}
