package reconcile

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"offshoot/internal/platform/fake"
	"offshoot/internal/staging"
)

// crowded is a store that knows nothing, and counts who looks at the same time.
type crowded struct {
	Store
	inside, most, looks atomic.Int32
}

func (c *crowded) Read(context.Context, func(Reader) error) error {
	c.looks.Add(1)
	if n := c.inside.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	for range 5 {
		runtime.Gosched()
	}
	c.inside.Add(-1)
	return staging.NotFound("", "nothing is here")
}

// TestOneActorAnEnvironment kicks what has nothing to do as soon as its actor has
// gone, from all sides: never are there two.
func TestOneActorAnEnvironment(t *testing.T) {
	s := &crowded{}
	world := fake.NewWorld(fake.Options{})
	defer world.Close()
	e := New(Config{Store: s, Grounds: map[string]Ground{"fake": {Platform: world.Open()}}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	var kicking sync.WaitGroup
	for range 4 {
		kicking.Go(func() {
			for range 5_000 {
				for e.Busy("env_a") {
					runtime.Gosched()
				}
				e.Kick("env_a")
			}
		})
	}
	kicking.Wait()
	e.Stop()
	if s.looks.Load() < 100 {
		t.Errorf("it was looked at %d times only", s.looks.Load())
	}
	if n := s.most.Load(); n != 1 {
		t.Errorf("%d actors worked on one environment", n)
	}
}
