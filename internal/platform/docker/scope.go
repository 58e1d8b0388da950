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

	"github.com/containerd/errdefs"
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

func (d *Driver) applyScope(ctx context.Context, r platform.Resource) error {
	if err := d.isHere(ctx); err != nil {
		return err
	}
	if err := d.networkSettled(ctx, r.Name); err != nil {
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
		// Nothing is in it yet: it is fenced while it is made.
		var fenced errgroup.Group
		fenced.Go(func() error { return d.enclose(r.Owner) })
		err := d.makeNetwork(ctx, r, s)
		if err := fenced.Wait(); err != nil {
			return err
		}
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
	if err := d.networkSettled(ctx, ref.Name); err != nil {
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
