package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// stillWait bounds holding still or going on, for all.
const stillWait = 30 * time.Second

// Pause implements platform.Pauser: first the data servers, side by side, then
// what would miss them.
func (d *Driver) Pause(ctx context.Context, owner string, names []string) error {
	servers, others, err := d.running(ctx, owner, names)
	if err != nil {
		return err
	}
	for _, ids := range [][]string{servers, others} {
		if err := together(ctx, ids, d.pause); err != nil {
			all := slices.Concat(others, servers)
			return errors.Join(err, together(context.WithoutCancel(ctx), all, d.resume))
		}
	}
	return nil
}

// Resume implements platform.Pauser. Whoever asks a server that stands still a
// moment longer waits.
func (d *Driver) Resume(ctx context.Context, owner string, names []string) error {
	servers, others, err := d.running(ctx, owner, names)
	if err != nil {
		return err
	}
	if err := removeFile(d.restFile(owner)); err != nil {
		return err
	}
	return together(ctx, append(servers, others...), d.resume)
}

func together(ctx context.Context, ids []string, f func(context.Context, string) error) error {
	var all errgroup.Group
	for _, id := range ids {
		all.Go(func() error { return f(ctx, id) })
	}
	return all.Wait()
}

// running are the named containers that are not at rest anyway.
func (d *Driver) running(ctx context.Context, owner string, names []string) (servers, others []string, err error) {
	for _, name := range names {
		kind, _, _ := strings.Cut(strings.TrimPrefix(name, owner+"/"), "/")
		if err := check(platform.Ref{Kind: staging.ResourceKind(kind), Name: name, Owner: owner}); err != nil {
			return nil, nil, err
		}
	}
	all, err := d.containers(ctx, owner)
	for _, c := range all.Items {
		switch {
		case !slices.Contains(names, c.Labels[labelName]) || c.State != container.StateRunning && c.State != container.StatePaused:
		case c.Labels[labelRole] == string(staging.RoleData):
			servers = append(servers, c.ID)
		default:
			others = append(others, c.ID)
		}
	}
	return servers, others, err
}

// pause is content with what has just ended, and with what is paused. A runtime
// gives up what forks faster than the kernel holds it, on a busy host, and leaves
// it as it was: it is asked again.
func (d *Driver) pause(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, stillWait)
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait *= 2 {
		_, err := call(ctx, d.engine, stillWait, "pause a container", func(ctx context.Context) (client.ContainerPauseResult, error) {
			return d.client.ContainerPause(ctx, id, client.ContainerPauseOptions{})
		})
		if err == nil || !strings.Contains(err.Error(), "unable to freeze") {
			return atRest(err, "is already paused")
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// resume is content with what is not paused.
func (d *Driver) resume(ctx context.Context, id string) error {
	_, err := call(ctx, d.engine, stillWait, "resume a container", func(ctx context.Context) (client.ContainerUnpauseResult, error) {
		return d.client.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
	})
	return atRest(err, "is not paused")
}

// atRest is err, unless it says that nothing had to be done: the engine tells
// that by its words alone.
func atRest(err error, already string) error {
	if err == nil || errors.Is(err, errMissing) || errdefs.IsConflict(err) {
		return nil
	}
	for _, word := range []string{already, "is not running"} {
		if strings.Contains(err.Error(), word) {
			return nil
		}
	}
	return err
}
