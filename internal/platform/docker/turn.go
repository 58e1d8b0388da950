package docker

import (
	"context"
	"sync"
)

// turns lets one call at a time change a resource: of two that would start the
// same task the second finds it started.
type turns struct {
	mu sync.Mutex
	// taken has a channel for each name that somebody has: it is closed when
	// the name is given back.
	taken map[string]chan struct{}
}

// take blocks until the name is free or ctx ends.
func (t *turns) take(ctx context.Context, name string) (giveBack func(), err error) {
	mine := make(chan struct{})
	for {
		t.mu.Lock()
		other, busy := t.taken[name]
		if !busy {
			t.taken[name] = mine
		}
		t.mu.Unlock()
		if !busy {
			return func() {
				t.mu.Lock()
				delete(t.taken, name)
				t.mu.Unlock()
				close(mine)
			}, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
