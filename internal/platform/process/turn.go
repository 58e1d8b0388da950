//go:build linux

package process

import (
	"context"
	"sync"
)

// turns lets one call at a time change a resource: of two that would start the
// same task the second finds it started.
type turns struct {
	mu sync.Mutex
	// taken holds a name while somebody has it; the channel is closed when it
	// is given back.
	taken map[string]chan struct{}
}

// take blocks until the name is free or ctx ends, and answers how to give it
// back.
func (t *turns) take(ctx context.Context, name string) (giveBack func(), err error) {
	for {
		t.mu.Lock()
		busy, ok := t.taken[name]
		if !ok {
			break
		}
		t.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer t.mu.Unlock()
	if t.taken == nil {
		t.taken = map[string]chan struct{}{}
	}
	mine := make(chan struct{})
	t.taken[name] = mine
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.taken, name)
		close(mine)
	}, nil
}
