package reconcile

import (
	"context"
	"net"
	"strconv"
	"strings"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// portFor makes sure that a data server about to start can listen where it was
// allotted to: somebody else on the host may have taken the port while nothing
// of ours ran. Another is allotted then, unless what runs knows the old one.
func (a *actor) portFor(ctx context.Context, dep *staging.Deployment, d staging.Datastore) error {
	at, err := a.dataAddress(ctx, dep, d.Name)
	if err != nil || free(ctx, at) {
		return err
	}
	rows, err := a.Store.Resources(ctx, a.id)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Kind != staging.ResourceWorkload || strings.Contains(row.Name, "/workload/data.") {
			continue
		}
		if o := a.look(ctx, row); o.Presence != staging.Absent {
			return staging.Errorf(staging.ClassCode(staging.ClassData), "end that process, or let the environment sleep and wake",
				"port %d of %s is taken by a process that is not Offshoot's", at.Port, d.Name)
		}
	}
	name := plan.DataEndpoint(dep, d.Name)
	if err := a.Platform.Delete(ctx, platform.Ref{Kind: staging.ResourceEndpoint, Name: name, Owner: a.id}); err != nil {
		return err
	}
	e := &platform.Endpoint{Service: d.Name, Instance: dep.ID}
	_, err = a.Platform.Apply(ctx, platform.Resource{Kind: staging.ResourceEndpoint, Name: name, Owner: a.id, Endpoint: e, SpecHash: hash(e)})
	return err
}

// free is whether nobody listens at an address of this host. A name that only
// resolves inside a platform is never taken by another.
func free(ctx context.Context, at datastore.Endpoint) bool {
	if net.ParseIP(at.Host) == nil {
		return true
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(at.Host, strconv.Itoa(at.Port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
