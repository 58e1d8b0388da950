package docker

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// scope is what an environment was allotted.
type scope struct {
	Subnet netip.Prefix `json:"subnet"`
}

func (d *Driver) scopeFile(owner string) string { return filepath.Join(d.home(owner), "scope.json") }

func scopeName(owner string) string { return owner + "/" + string(staging.ResourceScope) + "/0" }

func (d *Driver) scopeOf(owner string) (scope, error) {
	var s scope
	return s, readFile(d.scopeFile(owner), &s)
}

// network is a scope's, errMissing where there is none of ours; stranger is
// whether somebody else has the name.
func (d *Driver) network(ctx context.Context, name string) (n network.Inspect, stranger bool, err error) {
	r, err := call(ctx, d.engine, lookTime, "look at a network", func(ctx context.Context) (client.NetworkInspectResult, error) {
		return d.client.NetworkInspect(ctx, d.engineName(name), client.NetworkInspectOptions{})
	})
	if err != nil {
		return n, false, err
	}
	if !d.isOurs(r.Network.Labels, name) {
		return n, true, errMissing
	}
	return r.Network, false, nil
}

func (d *Driver) applyScope(ctx context.Context, r platform.Resource) error {
	if err := d.isHere(ctx); err != nil {
		return err
	}
	_, stranger, err := d.network(ctx, r.Name)
	switch {
	case stranger:
		return d.taken("network", r.Name)
	case err == nil:
		return d.enclose(r.Owner)
	case !errors.Is(err, errMissing):
		return err
	}
	s, err := d.scopeOf(r.Owner)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	addresses, err := d.endpoints(r.Owner)
	if err != nil {
		return err
	}
	var refused []netip.Prefix
	for {
		if !s.Subnet.IsValid() {
			if s, err = d.allotSubnet(ctx, r.Owner, refused); err != nil {
				return err
			}
		}
		if err := d.enclose(r.Owner); err != nil {
			return err
		}
		err := d.makeNetwork(ctx, r, s.Subnet)
		if !errdefs.IsPermissionDenied(err) || len(addresses) > 0 || len(refused) >= 16 {
			return err
		}
		// Somebody was faster: the engine refuses what overlaps.
		if err := d.release(s); err != nil {
			return err
		}
		refused, s = append(refused, s.Subnet), scope{}
	}
}

func (d *Driver) makeNetwork(ctx context.Context, r platform.Resource, subnet netip.Prefix) error {
	labels := d.labels(r)
	if r.Scope != nil {
		labels[prefix+"project"], labels[prefix+"environment"], labels[prefix+"slug"] = r.Scope.Project, r.Scope.Environment, r.Scope.Slug
	}
	_, err := call(ctx, d.engine, makeTime, "make a network", func(ctx context.Context) (client.NetworkCreateResult, error) {
		return d.client.NetworkCreate(ctx, d.engineName(r.Name), client.NetworkCreateOptions{Driver: "bridge", Labels: labels, Options: map[string]string{bridgeOption: d.bridge(subnet)},
			IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet, Gateway: gateway(subnet), IPRange: dynamic(subnet)}}}})
	})
	return err
}

// taken is the error that somebody else's thing has the name of one of ours.
func (d *Driver) taken(what, name string) error {
	return staging.Errorf(staging.CodeConflict, "remove or rename it, if nobody needs it", "a %s named %s is there already and is not this server's", what, d.engineName(name))
}

// allotSubnet writes down one that no environment, no other network of the engine
// and no route of this host has.
func (d *Driver) allotSubnet(ctx context.Context, owner string, refused []netip.Prefix) (scope, error) {
	used := slices.Clone(refused)
	others, err := call(ctx, d.engine, lookTime, "list networks", func(ctx context.Context) (client.NetworkListResult, error) {
		return d.client.NetworkList(ctx, client.NetworkListOptions{})
	})
	if err != nil {
		return scope{}, err
	}
	for _, n := range others.Items {
		for _, c := range n.IPAM.Config {
			if c.Subnet.IsValid() {
				used = append(used, c.Subnet)
			}
		}
	}
	used = append(used, routes("/proc/net/route")...)
	d.allotting.Lock()
	defer d.allotting.Unlock()
	owners, err := d.owners()
	if err != nil {
		return scope{}, err
	}
	for _, o := range owners {
		s, err := d.scopeOf(o)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return scope{}, err // its subnet might be given twice
		}
		if s.Subnet.IsValid() {
			used = append(used, s.Subnet)
		}
	}
	subnet, ok := freeSubnet(d.pool, used, startOf(d.id+owner))
	if !ok {
		return scope{}, staging.Errorf(staging.CodeLimit, "destroy environments that nobody needs, or give the server a larger pool",
			"no subnet of %s is free: each is an environment's, another network's of the engine, or routed by this host", d.pool)
	}
	return scope{subnet}, writeFile(d.scopeFile(owner), scope{subnet})
}

// startOf is where the search begins, so that two servers seldom try the same.
func startOf(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return int(h.Sum32() >> 1)
}

// owners are all of whom there is a folder.
func (d *Driver) owners() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(d.home("x")))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if !ownerName.MatchString(e.Name()) {
			return nil, fmt.Errorf("%s holds %q, which is not ours", filepath.Dir(d.home("x")), e.Name())
		}
		list = append(list, e.Name())
	}
	return list, nil
}

func (d *Driver) observeScope(ctx context.Context, ref platform.Ref) (staging.Observation, error) {
	n, _, err := d.network(ctx, ref.Name)
	if err != nil {
		return staging.Observation{}, err
	}
	return seen(n.Labels, n.ID), nil
}

// deleteScope removes all that is in it, side by side, then the network, and
// last what was allotted.
func (d *Driver) deleteScope(ctx context.Context, ref platform.Ref) error {
	found, err := d.List(ctx, ref.Owner)
	if err != nil {
		return err
	}
	var all errgroup.Group
	for _, o := range found {
		if o.Kind != staging.ResourceScope {
			all.Go(func() error { return d.Delete(ctx, platform.Ref{Kind: o.Kind, Name: o.Name, Owner: o.Owner}) })
		}
	}
	if err := all.Wait(); err != nil {
		return err
	}
	n, stranger, err := d.network(ctx, ref.Name)
	if err != nil && !errors.Is(err, errMissing) {
		return err
	}
	if err == nil && !stranger {
		if err := d.removeNetwork(ctx, n); err != nil {
			return err
		}
	}
	s, err := d.scopeOf(ref.Owner)
	if err == nil {
		err = d.release(s)
	}
	d.unconfine(ref.Owner)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(d.home(ref.Owner))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(d.scopeFile("")) {
			if err := os.RemoveAll(filepath.Join(d.home(ref.Owner), e.Name())); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(d.home(ref.Owner))
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
		return err
	}
	slices.Sort(others)
	return staging.Errorf(staging.CodeConflict, "disconnect them: docker network disconnect -f "+n.Name+" NAME",
		"containers that are not this server's are in its network %s: %s: %w", n.Name, strings.Join(others, ", "), err)
}
