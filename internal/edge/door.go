package edge

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"offshoot/internal/staging"
)

// OpenDoor listens at an address, in the network of one environment alone, for what
// its workloads ask by name: its own hosts lead to the edge, the names of its links
// where those lead, and all others nowhere. It listens at further ports of the same
// host too where nobody else does, for where the platform does not lead from there. door is OWNER/door/REST in the ledger.
func (l *Links) OpenDoor(door, address string, further ...int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[door] != nil {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	listeners := []net.Listener{listener}
	host, _, _ := net.SplitHostPort(address)
	for _, port := range further {
		more, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			l.log.Debug("a further port is not to be had", "door", door, "port", port, "error", err)
			continue
		}
		listeners = append(listeners, more)
	}
	owner, _, _ := strings.Cut(door, "/")
	l.open[door] = l.answer(func(w http.ResponseWriter, r *http.Request) { l.inside(w, r, owner) }, door, listeners...)
	return nil
}

// inside answers what a workload of owner asks by name.
func (l *Links) inside(w http.ResponseWriter, r *http.Request, owner string) {
	if l.edge.serveOwn(w, r, owner) {
		return
	}
	l.serve(w, r, owner+"/"+string(staging.ResourceLink)+"/"+staging.NormalizeHost(r.Host))
}
