package reconcile

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// portWait is how long a port may still be held by what has just ended.
const portWait = 2 * time.Second

// portFor makes sure that a data server about to start can listen where it was
// allotted to: where workloads share the host's addresses, somebody else may have
// taken the port while nothing of ours ran. Another is allotted then, unless what
// runs knows the old one.
func (a *actor) portFor(ctx context.Context, dep *staging.Deployment, d staging.Datastore) error {
	if a.Platform.Traits().OwnPorts {
		return nil
	}
	at, err := a.dataAddress(ctx, dep, d.Name)
	if err != nil || becomesFree(ctx, at) {
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
			return taken(staging.ClassData, "let the environment sleep and wake", at, d.Name)
		}
	}
	name := plan.DataEndpoint(dep, d.Name)
	if err := a.Platform.Delete(ctx, platform.Ref{Kind: staging.ResourceEndpoint, Name: name, Owner: a.id}); err != nil {
		return err
	}
	e := &platform.Endpoint{Service: d.Name, Port: d.Port, Instance: plan.DataInstance(dep, d.Name)}
	_, err = a.Platform.Apply(ctx, platform.Resource{Kind: staging.ResourceEndpoint, Name: name, Owner: a.id, Endpoint: e, SpecHash: hash(e)})
	return err
}

// portsFor refuses to start a service whose port another process of the host
// has. Its peers know the port, so it gets another only with a deployment.
func (a *actor) portsFor(ctx context.Context, dep *staging.Deployment, op plan.Op) error {
	s, ok := dep.Stack.Service(op.Service)
	if !ok || a.Platform.Traits().OwnPorts {
		return nil
	}
	for _, p := range s.Ports {
		at, err := a.address(ctx, a.portName(dep, s, op.Instance, p.Target))
		if err != nil {
			return err
		}
		if !becomesFree(ctx, at) {
			return taken(staging.ClassPlatform, "deploy again, which allots another: offshoot deploy --force", at, s.Name)
		}
	}
	return nil
}

func taken(class staging.Class, way string, at datastore.Endpoint, name string) error {
	return staging.Errorf(staging.ClassCode(class), "end that process, or "+way, "port %d of %s is taken by a process that is not Offshoot's", at.Port, name)
}

// becomesFree is whether nobody listens at an address, now or in a moment.
func becomesFree(ctx context.Context, at datastore.Endpoint) bool {
	ctx, cancel := context.WithTimeout(ctx, portWait)
	defer cancel()
	return datastore.Poll(ctx, func(ctx context.Context) error {
		if !free(ctx, at) {
			return errors.New("taken")
		}
		return nil
	}) == nil
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
