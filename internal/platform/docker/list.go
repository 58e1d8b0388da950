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
	there := map[string]bool{}
	for _, n := range networks.Items {
		there[n.Labels[labelName]] = true
		all = append(all, seen(n.Labels, n.ID))
	}
	for _, c := range containers.Items {
		o := seen(c.Labels, c.ID)
		o.Run, there[o.Name] = runOf(c.State), true
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
		own, err := d.inFiles(o, there)
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

// inFiles are an owner's endpoints and builds, and what is not there on the
// engine: its scope, tasks whose containers somebody removed.
func (d *Driver) inFiles(owner string, there map[string]bool) ([]staging.Observation, error) {
	var all []staging.Observation
	if _, err := os.Lstat(d.home(owner)); err == nil && !there[scopeName(owner)] {
		all = append(all, staging.Observation{Kind: staging.ResourceScope, Name: scopeName(owner), Owner: owner, Presence: staging.Present})
	}
	for _, kind := range []staging.ResourceKind{staging.ResourceEndpoint, staging.ResourceBuild, staging.ResourceTask} {
		entries, err := os.ReadDir(filepath.Join(d.home(owner), string(kind)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			name := owner + "/" + string(kind) + "/" + e.Name()
			if !strings.HasSuffix(name, partial) && !there[name] {
				all = append(all, staging.Observation{Kind: kind, Name: name, Owner: owner, Presence: staging.Present})
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
