package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// listenLimit bounds seeing where a workload listens.
const listenLimit = 5 * time.Second

// listeners are the addresses on which a workload listens; known is whether
// that can be seen at all.
func (a *actor) listeners(ctx context.Context, op plan.Op) (list []string, known bool) {
	lookout, ok := a.Platform.(platform.Lookout)
	if !ok {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, listenLimit)
	defer cancel()
	list, err := lookout.Listening(ctx, platform.Ref{Kind: op.Kind, Name: op.Resource, Owner: a.id})
	return list, err == nil
}

// portsOf are the ports of addresses, each once.
func portsOf(list []string) []string {
	var ports []string
	for _, address := range list {
		if _, port, err := net.SplitHostPort(address); err == nil && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

// exposedFor is how long a service may take to listen at a port of its image's. An
// image may expose what its program does not use: later it counts as ready.
const exposedFor = 20 * time.Second

// exposed blocks until a service that runs its image's own command listens at one
// of the ports that the image exposes: others of the stack call it there, as a
// proxy calls php-fpm.
func (a *actor) exposed(ctx context.Context, dep *staging.Deployment, s staging.Service, op plan.Op) error {
	lookout, ok := a.Platform.(platform.Lookout)
	if !ok || len(s.ImageCommand)+len(s.Container.Entrypoint) > 0 {
		return nil
	}
	ref := platform.Ref{Kind: op.Kind, Name: op.Resource, Owner: a.id}
	seen, err := a.Platform.Observe(ctx, ref)
	if err != nil || len(seen.Exposes) == 0 {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, exposedFor)
	defer cancel()
	err = datastore.Poll(limited, func(ctx context.Context) error {
		if o, err := a.Platform.Observe(ctx, ref); err == nil && o.Run == staging.RunDone {
			return nil
		}
		list, err := lookout.Listening(ctx, ref)
		if err == nil && !slices.ContainsFunc(seen.Exposes, func(p int) bool { return slices.Contains(portsOf(list), strconv.Itoa(p)) }) {
			err = errors.New("it does not listen there")
		}
		return err
	})
	if limited.Err() != nil && ctx.Err() == nil {
		a.detail(dep.ID, staging.StepHealth, fmt.Sprintf("%s listens at no port that its image exposes (%v) after %s; it counts as ready", s.Name, seen.Exposes, exposedFor))
		return nil
	}
	return err
}

// stranger is why what answers at a service's port is not the service.
type stranger struct{ port int }

func (s *stranger) Error() string {
	return fmt.Sprintf("port %d is answered by a process that is not the service's", s.port)
}

// itself refuses a port that answers where another process of the host has it:
// a request would go there.
func (a *actor) itself(ctx context.Context, op plan.Op, port int) ([]string, error) {
	if a.Platform.Traits().OwnPorts {
		return nil, nil
	}
	list, known := a.listeners(ctx, op)
	if known && !slices.Contains(portsOf(list), strconv.Itoa(port)) {
		return nil, &stranger{port}
	}
	return list, nil
}

// elsewhere is the failure of a service that listens, but not on its PORT; nil
// where that is not so or cannot be seen.
func (a *actor) elsewhere(ctx context.Context, dep *staging.Deployment, s staging.Service, op plan.Op, err error) *staging.Failure {
	f := &staging.Failure{Class: staging.ClassHealth, Step: staging.StepHealth, Service: s.Name,
		Hint: "let it listen on the port that the variable PORT names"}
	var other *stranger
	if errors.As(err, &other) {
		f.Class, f.Message, f.LogTail = staging.ClassPlatform, "service "+s.Name+": "+other.Error(), a.tail(ctx, op.Resource)
		f.Hint = "end that process, or try again: another port is allotted"
		return f
	}
	if len(s.Ports) == 0 {
		return nil
	}
	at, err := a.address(ctx, a.portName(dep, s, op.Instance, s.Ports[0].Target))
	if err != nil {
		return nil
	}
	list, known := a.listeners(ctx, op)
	ports := portsOf(list)
	if !known || slices.Contains(ports, strconv.Itoa(at.Port)) {
		return nil // it listens where it should: it is something else
	}
	if len(ports) == 0 && byItsTest(s.Health) {
		return nil // its check says more
	}
	if askPort(ctx, net.JoinHostPort(at.Host, strconv.Itoa(at.Port))) == nil {
		return a.elsewhere(ctx, dep, s, op, &stranger{at.Port})
	}
	f.LogTail = a.tail(ctx, op.Resource)
	f.Message = fmt.Sprintf("%s listens on %s, not on PORT %d", s.Name, strings.Join(ports, " and "), at.Port)
	if len(ports) == 0 {
		f.Message = fmt.Sprintf("%s runs and listens on no port, not on PORT %d either", s.Name, at.Port)
	}
	return f
}

// remarkOpen says of a service that it can be reached past the edge; list is
// where it listens, nil where that was not looked at yet.
func (a *actor) remarkOpen(ctx context.Context, dep *staging.Deployment, s staging.Service, op plan.Op, list []string) {
	if a.Platform.Traits().OwnPorts || dep.Outcome != staging.OutcomeRunning {
		return
	}
	if list == nil {
		list, _ = a.listeners(ctx, op) // only a remark
	}
	for _, address := range list {
		host, port, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
			a.detail(dep.ID, staging.StepHealth, s.Name+" listens on every address of this host (port "+port+"): whoever reaches the host reaches it past the edge")
			return
		}
	}
}
