package reconcile

import (
	"context"
	"net"
	"net/url"
	"strconv"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// webPort is that of http:// addresses that name none (RFC 9110, 4.2.1).
const webPort = 80

// openDoor opens where an environment's own hosts and its links answer inside: at
// the address that was allotted, and at the ports that their URLs name.
func (a *actor) openDoor(ctx context.Context) error {
	at, err := a.address(ctx, plan.DoorEndpoint(a.id))
	if err != nil {
		return err
	}
	return a.Links.OpenDoor(plan.Door(a.id), net.JoinHostPort(at.Host, strconv.Itoa(at.Port)), a.namedPorts()...)
}

// namedPorts are those that the URLs of links and of the environment itself name.
func (a *actor) namedPorts() []int {
	ports := []int{webPort}
	if p := port(a.Site); p != 0 && p != webPort {
		ports = append(ports, p)
	}
	return ports
}

// port is where a site's URLs lead without TLS, 0 where they lead to TLS.
func port(site staging.Site) int {
	u, err := url.Parse(site.URL("host"))
	if err != nil || u.Scheme != "http" {
		return 0
	}
	if n, err := strconv.Atoi(u.Port()); err == nil {
		return n
	}
	return webPort
}
