package docker_test

import (
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// TestARemovalUnderWayIsWaitedFor holds that who deletes what the engine already
// removes, for an order that was given up or for another, is told when it is gone.
func TestARemovalUnderWayIsWaitedFor(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	for range 5 {
		r := w.workload("web", program(platformtest.Program{Say: []string{"up"}, Stay: true}))
		w.apply(r)
		at := containerName(w, r.Name)
		if _, err := w.engine.ContainerKill(w.ctx, at, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
			t.Fatal(err)
		}
		var other sync.WaitGroup
		other.Go(func() { // it may also come too late
			_, _ = w.engine.ContainerRemove(w.ctx, at, client.ContainerRemoveOptions{Force: true})
		})
		if err := w.Delete(w.ctx, refOf(r)); err != nil {
			t.Error(err)
		}
		other.Wait()
		if o := w.look(r); o.Presence != staging.Absent {
			t.Errorf("it is %+v", o)
		}
	}
}
