package docker

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// network is a scope's, errMissing where there is none of ours; stranger is
// whether somebody else has the name.
func (d *Driver) network(ctx context.Context, name string) (n network.Inspect, stranger bool, err error) {
	look := func() (client.NetworkInspectResult, error) {
		return call(ctx, d.engine, lookTime, "look at a network", func(ctx context.Context) (client.NetworkInspectResult, error) {
			return d.client.NetworkInspect(ctx, d.engineName(name), client.NetworkInspectOptions{})
		})
	}
	r, err := look()
	if err != nil && strings.Contains(err.Error(), "is ambiguous") {
		if err := d.dropTwins(ctx, name); err != nil {
			return n, false, err
		}
		r, err = look()
	}
	if err != nil {
		return n, false, err
	}
	if !d.isOurs(r.Network.Labels, name) {
		return n, true, errMissing
	}
	return r.Network, false, nil
}

// makeNetwork goes on where ctx ends: the engine does not give up what it has
// begun, shows it late, and would make another one of that name meanwhile.
func (d *Driver) makeNetwork(ctx context.Context, r platform.Resource, s scope) error {
	giveBack, err := d.turns.take(ctx, networkTurn(r.Name))
	if err != nil {
		return err
	}
	labels := d.labels(r)
	if r.Scope != nil {
		labels[prefix+"project"], labels[prefix+"environment"], labels[prefix+"slug"] = r.Scope.Project, r.Scope.Environment, r.Scope.Slug
	}
	options := client.NetworkCreateOptions{Driver: "bridge", Labels: labels, Options: map[string]string{bridgeOption: d.bridge(s.Subnet)},
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: s.Subnet, Gateway: gateway(s.Subnet), IPRange: dynamic(s.Subnet)}}}}
	made := make(chan error, 1)
	d.life.Go(func() {
		defer giveBack()
		_, err := call(context.WithoutCancel(ctx), d.engine, makeTime, "make a network", func(ctx context.Context) (client.NetworkCreateResult, error) {
			return d.client.NetworkCreate(ctx, d.engineName(r.Name), options)
		})
		made <- err
	})
	select {
	case err := <-made:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func networkTurn(name string) string { return name + "/network" }

// networkSettled waits for a network that is being made.
func (d *Driver) networkSettled(ctx context.Context, name string) error {
	giveBack, err := d.turns.take(ctx, networkTurn(name))
	if err == nil {
		giveBack()
	}
	return err
}

// dropTwins removes other networks of ours that have a scope's name and not the
// subnet that is written down. One is left where a server was killed while it was
// made, and the engine made it after the next server had looked.
func (d *Driver) dropTwins(ctx context.Context, name string) error {
	owner, _, _ := strings.Cut(name, "/")
	s, err := d.scopeOf(owner)
	if err != nil {
		return err
	}
	all, err := call(ctx, d.engine, lookTime, "list networks", func(ctx context.Context) (client.NetworkListResult, error) {
		return d.client.NetworkList(ctx, client.NetworkListOptions{Filters: d.ours(owner)})
	})
	if err != nil {
		return err
	}
	for _, n := range all.Items {
		own := slices.ContainsFunc(n.IPAM.Config, func(c network.IPAMConfig) bool { return c.Subnet == s.Subnet })
		if own || !d.isOurs(n.Labels, name) {
			continue
		}
		if err := d.removeNetwork(ctx, network.Inspect{Network: n.Network}); err != nil {
			return err
		}
	}
	return nil
}

// removeNetwork says whose containers keep it, where somebody joined it.
func (d *Driver) removeNetwork(ctx context.Context, n network.Inspect) error {
	_, err := call(ctx, d.engine, makeTime, "remove a network", func(ctx context.Context) (client.NetworkRemoveResult, error) {
		return d.client.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
	})
	if err == nil || errors.Is(err, errMissing) {
		return nil
	}
	var others []string
	for _, c := range n.Containers {
		others = append(others, c.Name)
	}
	if len(others) == 0 {
		if strings.Contains(err.Error(), "has active endpoints") {
			return staging.Errorf(staging.CodeConflict, "start the engine again: until then it takes the network for used", "the engine counts a connection of a container that is gone: %w", err)
		}
		return err
	}
	slices.Sort(others)
	return staging.Errorf(staging.CodeConflict, "disconnect them: docker network disconnect -f "+n.Name+" NAME",
		"containers that are not this server's are in its network %s: %s: %w", n.Name, strings.Join(others, ", "), err)
}
