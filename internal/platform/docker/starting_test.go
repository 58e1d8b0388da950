package docker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
)

// TestWhatIsBeingStartedIsNotRemoved holds also where nobody waits for the start any
// more: the engine goes on with it.
func TestWhatIsBeingStartedIsNotRemoved(t *testing.T) {
	t.Parallel()
	p := newProxy(t, engine(t))
	w := newWorld(t, docker.Config{Host: p.host()})
	w.apply(w.scope())
	p.set(slow)
	web := w.workload("web", program(platformtest.Program{Say: []string{"up"}, Stay: true}))
	ctx, cancel := context.WithCancel(w.ctx)
	applied := make(chan error, 1)
	go func() {
		_, err := w.Apply(ctx, web)
		applied <- err
	}()
	<-p.starts
	cancel()
	if err := <-applied; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ctx, cancel = context.WithTimeout(w.ctx, time.Second)
	defer cancel()
	if err := w.Delete(ctx, refOf(web)); !errors.Is(err, context.DeadlineExceeded) || p.removals.Load() > 0 {
		t.Errorf("%v, and %d removals", err, p.removals.Load())
	}
	close(p.let)
	for _, r := range []platform.Resource{web, w.scope()} {
		if err := w.Delete(w.ctx, refOf(r)); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}
