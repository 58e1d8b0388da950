package docker

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"offshoot/internal/staging"
)

// List implements platform.Driver: what carries our labels, and what lies in
// our files. What was made and never started is listed too.
func (d *Driver) List(ctx context.Context, owner string) ([]staging.Observation, error) {
	var containers client.ContainerListResult
	var networks client.NetworkListResult
	var ask errgroup.Group
	ask.Go(func() (err error) {
		containers, err = d.containers(ctx, owner)
		return err
	})
	ask.Go(func() (err error) {
		networks, err = call(ctx, d.engine, lookTime, "list networks", func(ctx context.Context) (client.NetworkListResult, error) {
			return d.client.NetworkList(ctx, client.NetworkListOptions{Filters: d.ours(owner)})
		})
		return err
	})
	if err := ask.Wait(); err != nil {
		return nil, err
	}
	var all []staging.Observation
	scopes := map[string]bool{}
	for _, n := range networks.Items {
		scopes[n.Labels[labelOwner]] = true
		all = append(all, seen(n.Labels, n.ID))
	}
	for _, c := range containers.Items {
		o := seen(c.Labels, c.ID)
		o.Run = runOf(c.State)
		all = append(all, o)
	}
	owners := []string{owner}
	if owner == "" {
		var err error
		if owners, err = d.owners(); err != nil {
			return nil, err
		}
	}
	for _, o := range owners {
		own, err := d.inFiles(o, scopes[o])
		if err != nil {
			return nil, err
		}
		all = append(all, own...)
	}
	return all, nil
}

func (d *Driver) containers(ctx context.Context, owner string) (client.ContainerListResult, error) {
	return call(ctx, d.engine, lookTime, "list containers", func(ctx context.Context) (client.ContainerListResult, error) {
		return d.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: d.ours(owner)})
	})
}

// inFiles are an owner's endpoints and builds, and its scope where its network is
// not there.
func (d *Driver) inFiles(owner string, network bool) ([]staging.Observation, error) {
	var all []staging.Observation
	if _, err := os.Lstat(d.home(owner)); err == nil && !network {
		all = append(all, staging.Observation{Kind: staging.ResourceScope, Name: scopeName(owner), Owner: owner, Presence: staging.Present})
	}
	for _, kind := range []staging.ResourceKind{staging.ResourceEndpoint, staging.ResourceBuild} {
		entries, err := os.ReadDir(filepath.Join(d.home(owner), string(kind)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), partial) {
				all = append(all, staging.Observation{Kind: kind, Name: owner + "/" + string(kind) + "/" + e.Name(), Owner: owner, Presence: staging.Present})
			}
		}
	}
	return all, nil
}

// runOf is what a state alone says.
func runOf(s container.ContainerState) staging.RunState {
	switch s {
	case container.StateRunning:
		return staging.RunRunning
	case container.StatePaused:
		return staging.RunPaused
	case container.StateRestarting:
		return staging.RunRestarting
	case container.StateExited, container.StateDead, container.StateRemoving:
		return staging.RunExited
	}
	return staging.RunNone
}
