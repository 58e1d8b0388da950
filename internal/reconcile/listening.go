package reconcile

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// listenLimit bounds seeing where a workload listens.
const listenLimit = 5 * time.Second

// elsewhere is the failure of a service that listens, but not on its PORT; nil
// where that is not so or cannot be seen.
func (a *actor) elsewhere(ctx context.Context, v *view, dep *staging.Deployment, s staging.Service, op plan.Op) *staging.Failure {
	lookout, ok := a.Platform.(platform.Lookout)
	if !ok || len(s.Ports) == 0 {
		return nil
	}
	at, err := a.address(ctx, a.portName(dep, s, op.Instance, s.Ports[0].Target))
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, listenLimit)
	defer cancel()
	list, err := lookout.Listening(ctx, platform.Ref{Kind: op.Kind, Name: op.Resource, Owner: a.id})
	if err != nil {
		return nil
	}
	var ports []string
	for _, address := range list {
		_, port, err := net.SplitHostPort(address)
		switch {
		case err != nil:
		case port == strconv.Itoa(at.Port):
			return nil // it listens where it should: it is something else
		case !slices.Contains(ports, port):
			ports = append(ports, port)
		}
	}
	f := &staging.Failure{Class: staging.ClassHealth, Step: staging.StepHealth, Service: s.Name, LogTail: a.tail(ctx, op.Resource),
		Hint: "let it listen on the port that the variable PORT names"}
	f.Message = fmt.Sprintf("%s listens on %s, not on PORT %d", s.Name, strings.Join(ports, " and "), at.Port)
	if len(ports) == 0 {
		f.Message = fmt.Sprintf("%s runs and listens on no port, not on PORT %d either", s.Name, at.Port)
	}
	return f
}

// remarkOpen says of a service that it can be reached past the edge.
func (a *actor) remarkOpen(ctx context.Context, dep *staging.Deployment, s staging.Service, op plan.Op) {
	lookout, ok := a.Platform.(platform.Lookout)
	if !ok || a.Platform.Traits().OwnPorts || dep.Outcome != staging.OutcomeRunning {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, listenLimit)
	defer cancel()
	list, err := lookout.Listening(ctx, platform.Ref{Kind: op.Kind, Name: op.Resource, Owner: a.id})
	if err != nil {
		return // only a remark
	}
	for _, address := range list {
		host, port, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
			a.detail(dep.ID, staging.StepHealth, s.Name+" listens on every address of this host (port "+port+"): whoever reaches the host reaches it past the edge")
			return
		}
	}
}
