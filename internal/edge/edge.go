// Package edge is the only way in: it sends each request by its host to an
// environment's upstream, holds what comes while an environment sleeps, and
// counts what is in flight.
//
// It asks no store on the way of a request: the table is immutable behind an
// atomic pointer. It decides nothing; who wakes and what sleeps is told to it.
package edge

import (
	"context"
	"maps"
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
}

// Target is one service's upstreams (HOST:PORT); none serves while empty.
type Target struct {
	Service   string
	Upstreams []string
}

// entry is one host of the table.
type entry struct {
	env       string
	gate      *gate
	gen       int64
	target    Target
	phase     staging.Phase
	failure   *staging.Failure
	next      *atomic.Uint64
	available bool
}

// Edge is an http.Handler, safe for concurrent use.
type Edge struct {
	wake  func(environment string)
	table atomic.Pointer[map[string]*entry]

	// mu guards what the table is made of.
	mu     sync.Mutex
	routes map[string]Route
	gates  map[string]*gate

	proxy *proxy
}

// New makes an edge without routes. wake is called for a request that waits;
// it must not block.
func New(wake func(environment string)) *Edge {
	e := &Edge{wake: wake, routes: map[string]Route{}, gates: map[string]*gate{}, proxy: newProxy()}
	empty := map[string]*entry{}
	e.table.Store(&empty)
	return e
}

// Put replaces the route of an environment in one step. Requests under way end
// where they began.
func (e *Edge) Put(r Route) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.gates[r.Environment]
	if g == nil {
		g = newGate()
		e.gates[r.Environment] = g
	}
	gen := g.next(r.Holding)
	old := e.routes[r.Environment]
	e.routes[r.Environment] = r
	table := maps.Clone(*e.table.Load())
	for host := range old.Hosts {
		if t := table[host]; t != nil && t.env == r.Environment {
			delete(table, host)
		}
	}
	for host, target := range r.Hosts {
		table[host] = &entry{env: r.Environment, gate: g, gen: gen, target: target, phase: r.Phase, failure: r.Failure,
			next: &atomic.Uint64{}, available: len(target.Upstreams) > 0}
	}
	e.table.Store(&table)
	g.announce()
}

// Load replaces the whole table, at start: one copy however many routes.
func (e *Edge) Load(routes []Route) {
	e.mu.Lock()
	defer e.mu.Unlock()
	table := map[string]*entry{}
	for _, r := range routes {
		g := newGate()
		gen := g.next(r.Holding)
		e.gates[r.Environment], e.routes[r.Environment] = g, r
		for host, target := range r.Hosts {
			table[host] = &entry{env: r.Environment, gate: g, gen: gen, target: target, phase: r.Phase, failure: r.Failure,
				next: &atomic.Uint64{}, available: len(target.Upstreams) > 0}
		}
	}
	e.table.Store(&table)
}

// Remove forgets an environment: its hosts answer 404.
func (e *Edge) Remove(environment string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old, ok := e.routes[environment]
	if !ok {
		return
	}
	table := maps.Clone(*e.table.Load())
	for host := range old.Hosts {
		if t := table[host]; t != nil && t.env == environment {
			delete(table, host)
		}
	}
	e.table.Store(&table)
	delete(e.routes, environment)
	e.gates[environment].next(false)
	e.gates[environment].announce()
	delete(e.gates, environment)
}

// Route is what was last put for an environment.
func (e *Edge) Route(environment string) (Route, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, ok := e.routes[environment]
	return r, ok
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

// Holding is whether requests of the environment wait.
func (e *Edge) Holding(environment string) bool {
	g := e.gate(environment)
	return g != nil && g.isHolding()
}

// Drain waits until no request is in flight that began before the last Put, or
// ctx ends.
func (e *Edge) Drain(ctx context.Context, environment string) error {
	g := e.gate(environment)
	if g == nil {
		return nil
	}
	return g.drain(ctx)
}

// Activity is when a person or test last asked for something of each
// environment since the last call.
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

// InFlight is the number of requests and sockets open now.
func (e *Edge) InFlight(environment string) int {
	if g := e.gate(environment); g != nil {
		return g.count()
	}
	return 0
}
