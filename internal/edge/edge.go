// Package edge is the only way in: it sends each request by its host to an
// environment's upstream, holds what comes while an environment sleeps, and
// counts what is in flight.
//
// It asks no store on the way of a request: which host is whose is an immutable
// table behind an atomic pointer, and where an environment leads is one pointer
// of its own, so that a redeploy costs nothing however many hosts there are. It
// decides nothing; who wakes and what sleeps is told to it.
package edge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"offshoot/internal/staging"
)

// Route is where one environment's hosts lead.
type Route struct {
	Environment string
	// Hosts are by normalised name.
	Hosts map[string]Target
	Phase staging.Phase
	// Holding makes requests wait and wakes the environment.
	Holding bool
	// Failure is shown where nothing serves.
	Failure *staging.Failure
	// Destination is what it leads to in the ledger's words, "" for nothing.
	Destination string
}

// Target is one service's upstreams (HOST:PORT); none serves while empty.
type Target struct {
	Service   string
	Upstreams []string
}

// Config is what an Edge is told by others.
type Config struct {
	// Wake is called for an environment that requests wait for, once for a
	// crowd and again while it waits. It must not block.
	Wake func(environment string)
	// Scheme is how people reach the edge where something in front of it
	// speaks TLS; "" is what the request came by.
	Scheme string
	// Own is whether a connection from that address (HOST:PORT) comes from the
	// environment itself, whose traffic is nobody's activity. It may be nil.
	Own func(environment, remote string) bool
}

// Edge is an http.Handler, safe for concurrent use.
type Edge struct {
	config Config
	table  atomic.Pointer[table]

	// mu guards what the table is made of.
	mu    sync.Mutex
	gates map[string]*gate

	proxy   *proxy
	sources *buckets
	stats   stats
	done    chan struct{}
	stop    sync.Once
}

// New makes an edge without routes.
func New(c Config) *Edge {
	e := &Edge{config: c, gates: map[string]*gate{}, sources: newBuckets(perSource, burstSource), done: make(chan struct{})}
	e.proxy = newProxy(c.Scheme)
	e.table.Store(newTable())
	return e
}

// Put replaces the route of an environment in one step. Requests under way end
// where they began.
func (e *Edge) Put(r Route) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.gates[r.Environment]
	if g == nil {
		g = newGate(r.Environment)
		e.gates[r.Environment] = g
	}
	var old map[string]*target
	if before := g.put(r); before != nil {
		old = before.targets
	}
	if t := e.table.Load(); t.differs(g, old, r.Hosts) {
		e.table.Store(t.with(g, old, r.Hosts))
	}
	g.announce()
}

// Load replaces the whole table, at start: one table however many routes.
func (e *Edge) Load(routes []Route) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := newTable()
	for _, r := range routes {
		g := newGate(r.Environment)
		g.put(r)
		e.gates[r.Environment] = g
		for host := range r.Hosts {
			t.put(host, g)
		}
	}
	e.table.Store(t)
}

// Remove forgets an environment: its hosts answer 404, also to those who wait.
func (e *Edge) Remove(environment string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.gates[environment]
	if g == nil {
		return
	}
	if old := g.remove(); old != nil {
		e.table.Store(e.table.Load().with(g, old.targets, nil))
	}
	delete(e.gates, environment)
	g.announce()
}

// Route is what was last put for an environment.
func (e *Edge) Route(environment string) (Route, bool) {
	if g := e.gate(environment); g != nil {
		return g.route()
	}
	return Route{}, false
}

func (e *Edge) gate(environment string) *gate {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gates[environment]
}

// Hold flips an environment to holding, but only while nothing is in flight;
// held is whether it did. Requests that come later wait and wake it.
func (e *Edge) Hold(environment string) (held bool) {
	g := e.gate(environment)
	return g == nil || g.hold()
}

// Quiesce lets an environment sleep although it is used, because a person says
// so: new requests wait from now on, sockets and event streams are ended, and
// what is in flight ends. When ctx ends first everything is let in again.
func (e *Edge) Quiesce(ctx context.Context, environment string) error {
	g := e.gate(environment)
	if g == nil {
		return nil
	}
	return g.quiesce(ctx)
}

// Pause lets new requests wait until the next Put, and answers when what is in
// flight has ended, or ctx. Sockets and event streams go on.
func (e *Edge) Pause(ctx context.Context, environment string) {
	if g := e.gate(environment); g != nil {
		g.pause(ctx)
	}
}

// Holding is whether requests of the environment wait and none is in flight,
// but for what outlasted a Pause.
func (e *Edge) Holding(environment string) bool {
	g := e.gate(environment)
	return g != nil && g.isHolding()
}

// Fail answers the requests that wait now with why the environment does not
// wake. The next one tries again.
func (e *Edge) Fail(environment string, f *staging.Failure) {
	if g := e.gate(environment); g != nil {
		g.fail(f)
	}
}

// Drain waits until no request is in flight that began before the last Put, or
// ctx ends. Sockets and event streams never end by themselves and are ended:
// their clients connect again.
func (e *Edge) Drain(ctx context.Context, environment string) error {
	g := e.gate(environment)
	if g == nil {
		return nil
	}
	return g.drain(ctx)
}

// Activity is when a person or test last used each environment since the last
// call.
func (e *Edge) Activity() map[string]time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := map[string]time.Time{}
	for env, g := range e.gates {
		if at := g.active.Swap(0); at != 0 {
			seen[env] = time.UnixMicro(at).UTC()
		}
	}
	return seen
}

// Active is when a person or test last used an environment since Activity was
// last called, zero for not since.
func (e *Edge) Active(environment string) time.Time {
	if g := e.gate(environment); g != nil {
		if at := g.active.Load(); at != 0 {
			return time.UnixMicro(at).UTC()
		}
	}
	return time.Time{}
}

// InFlight is the number of requests and sockets open now.
func (e *Edge) InFlight(environment string) int {
	if g := e.gate(environment); g != nil {
		return g.count()
	}
	return 0
}

// Stop ends sockets and event streams and answers what waits, so that a server
// can shut down. It may be called more than once.
func (e *Edge) Stop() {
	e.stop.Do(func() { close(e.done) })
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, g := range e.gates {
		g.endStreams()
	}
	e.proxy.close()
}
