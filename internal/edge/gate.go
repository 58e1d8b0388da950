package edge

import (
	"context"
	"sync"
	"sync/atomic"
)

// gate counts what is in flight to one environment, by the generation of its
// route, and holds what comes while it sleeps.
type gate struct {
	// active is when it was last used, microseconds since 1970, 0 for not
	// since it was read.
	active atomic.Int64

	mu       sync.Mutex
	gen      int64
	holding  bool
	inflight map[int64]int
	// changed is closed and replaced whenever a waiter should look again.
	changed chan struct{}
}

func newGate() *gate { return &gate{inflight: map[int64]int{}, changed: make(chan struct{})} }

// next begins a generation.
func (g *gate) next(holding bool) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gen++
	g.holding = holding
	return g.gen
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

// entered says what became of a request at the gate.
type entered int

const (
	in entered = iota
	stale
	held
)

// enter counts a request in, unless its route was replaced meanwhile or the
// environment holds. changed is closed when it is worth trying again.
func (g *gate) enter(gen int64) (result entered, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case gen != g.gen:
		return stale, nil
	case g.holding:
		return held, g.changed
	}
	g.inflight[gen]++
	return in, nil
}

func (g *gate) leave(gen int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inflight[gen]--; g.inflight[gen] == 0 {
		delete(g.inflight, gen)
		g.wakeLocked()
	}
}

func (g *gate) hold() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.inflight) > 0 {
		return false
	}
	g.holding = true
	return true
}

func (g *gate) isHolding() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.holding
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, c := range g.inflight {
		n += c
	}
	return n
}

func (g *gate) drain(ctx context.Context) error {
	for {
		g.mu.Lock()
		old := false
		for gen := range g.inflight {
			old = old || gen < g.gen
		}
		changed := g.changed
		g.mu.Unlock()
		if !old {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}
