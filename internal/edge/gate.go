package edge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"offshoot/internal/staging"
)

// askAgain is how often an environment that requests wait for is asked to wake
// once more: what asked before may have failed.
const askAgain = time.Second

// gate is one environment's way in: it counts what is in flight by the route it
// began on, and holds what comes while the environment sleeps.
type gate struct {
	environment string
	// active is when it was last used, microseconds since 1970, 0 for not
	// since it was read.
	active atomic.Int64

	mu      sync.Mutex
	current *generation
	live    map[*generation]bool
	state   state
	// failures counts wakes that failed; failure is the last one's.
	failures int
	failure  *staging.Failure
	asked    time.Time
	wakes    *rate.Limiter
	// changed is closed and replaced whenever a waiter should look again.
	changed chan struct{}
}

// generation is one route and what is in flight on it.
type generation struct {
	Route
	targets map[string]*target
	count   int
	streams map[*stream]bool
}

// state is whether requests are let in.
type state int

const (
	open state = iota
	// closing lets nothing in while what is in flight ends.
	closing
	holding
)

func newGate(environment string) *gate {
	return &gate{environment: environment, live: map[*generation]bool{}, changed: make(chan struct{}), wakes: rate.NewLimiter(perEnvironment, burstEnvironment)}
}

// put begins a generation and answers the one before.
func (g *gate) put(r Route) *generation {
	next := &generation{Route: r, targets: make(map[string]*target, len(r.Hosts)), streams: map[*stream]bool{}}
	for host, t := range r.Hosts {
		next.targets[host] = newTarget(t)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.current
	g.current, g.state, g.asked, g.failure = next, open, time.Time{}, nil
	if r.Holding {
		g.state = holding
	}
	return before
}

func (g *gate) remove() *generation {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.current
	g.current = nil
	return before
}

func (g *gate) route() (Route, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.current == nil {
		return Route{}, false
	}
	return g.current.Route, true
}

func (g *gate) announce() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wakeLocked()
}

func (g *gate) wakeLocked() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// entry is what became of a request at the gate.
type entry struct {
	// generation is where it may go, nil where it may not.
	generation *generation
	// held says that it waits until changed is closed.
	held     bool
	changed  <-chan struct{}
	failures int
	failure  *staging.Failure
}

// enter counts a request in, or makes it wait.
func (g *gate) enter() entry {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.current == nil:
		return entry{}
	case g.state != open:
		return entry{held: true, changed: g.changed, failures: g.failures, failure: g.failure}
	}
	g.current.count++
	g.live[g.current] = true
	return entry{generation: g.current}
}

func (g *gate) leave(gen *generation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gen.count--; gen.count == 0 {
		delete(g.live, gen)
		g.wakeLocked()
	} else if g.state == closing {
		g.wakeLocked()
	}
}

// touch notes that somebody uses the environment now.
func (g *gate) touch() { g.active.Store(time.Now().UnixMicro()) }

// ask is whether the environment is to be asked to wake now: once for all that
// wait, which allow must grant, and again after a while, since what was asked
// before may have come to nothing.
func (g *gate) ask(allow func() bool) (now, refused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := time.Now()
	switch {
	case at.Sub(g.asked) < askAgain:
		return false, false
	case g.asked.IsZero() && !allow():
		return false, true
	case !g.wakes.Allow():
		return false, false
	}
	g.asked = at
	return true, false
}

func (g *gate) fail(f *staging.Failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == open {
		return
	}
	g.failures++
	g.failure, g.asked = f, time.Time{}
	g.wakeLocked()
}

func (g *gate) hold() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.live) > 0 {
		return false
	}
	g.state = holding
	return true
}

func (g *gate) quiesce(ctx context.Context) error {
	g.mu.Lock()
	if g.state == open {
		g.state = closing
	}
	g.mu.Unlock()
	g.endStreams()
	err := g.until(ctx, func() bool { return len(g.live) == 0 })
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != closing {
		return err // a Put came between
	}
	g.state = holding
	if err != nil {
		g.state = open
		g.wakeLocked()
	}
	return err
}

// pause holds what comes from now on, and waits until what is in flight has
// ended, or ctx. Streams go on: they wait for nobody.
func (g *gate) pause(ctx context.Context) {
	g.mu.Lock()
	if g.state == open {
		g.state = closing
	}
	g.mu.Unlock()
	_ = g.until(ctx, func() bool { // what does not end in time is not waited for
		for gen := range g.live {
			if gen.count > len(gen.streams) {
				return false
			}
		}
		return true
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == closing { // else a Put came between
		g.state = holding
	}
}

func (g *gate) isHolding() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state == holding
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for gen := range g.live {
		n += gen.count
	}
	return n
}

func (g *gate) drain(ctx context.Context) error {
	for _, s := range g.streams(func(gen *generation) bool { return gen != g.current }) {
		s.end()
	}
	return g.until(ctx, func() bool {
		for gen := range g.live {
			if gen != g.current {
				return false
			}
		}
		return true
	})
}

// until waits for something that is looked at under the lock.
func (g *gate) until(ctx context.Context, reached func() bool) error {
	for {
		g.mu.Lock()
		ok, changed := reached(), g.changed
		g.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (g *gate) streams(of func(*generation) bool) []*stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []*stream
	for gen := range g.live {
		if !of(gen) {
			continue
		}
		for s := range gen.streams {
			list = append(list, s)
		}
	}
	return list
}

func (g *gate) endStreams() {
	for _, s := range g.streams(func(*generation) bool { return true }) {
		s.end()
	}
}
