package docker_test

import (
	"testing"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// TestABusyEngineIsAskedToFreezeAgain holds where the kernel could not hold what
// forks at once.
func TestABusyEngineIsAskedToFreezeAgain(t *testing.T) {
	t.Parallel()
	p := newProxy(t, engine(t))
	w := newWorld(t, docker.Config{Host: p.host()})
	w.apply(w.scope())
	web := w.workload("web", program(platformtest.Program{Say: []string{"up"}, Stay: true}))
	w.apply(web)
	w.until(web, running)
	p.set(busy)
	if err := w.Pause(w.ctx, w.owner, []string{web.Name}); err != nil {
		t.Fatal(err)
	}
	w.until(web, func(o staging.Observation) bool { return o.Run == staging.RunPaused })
	if n := p.pauses.Load(); n != busyTimes+1 {
		t.Errorf("it was asked %d times", n)
	}
	p.set(passes)
	if err := w.Resume(w.ctx, w.owner, []string{web.Name}); err != nil {
		t.Error(err)
	}
	for _, r := range []platform.Resource{web, w.scope()} {
		if err := w.Delete(w.ctx, refOf(r)); err != nil {
			t.Error(err)
		}
	}
}

// TestWhatAnEngineStillMakesIsWaitedFor holds where a server that was killed had
// asked for it: its name is taken, and nothing is there.
func TestWhatAnEngineStillMakesIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := newProxy(t, engine(t))
	w := newWorld(t, docker.Config{Host: p.host()})
	w.apply(w.scope())
	p.set(making)
	task := w.task("migrate", program(platformtest.Program{Say: []string{"once"}}))
	w.apply(task)
	w.until(task, exited)
	if n := p.pauses.Load(); n != busyTimes+1 {
		t.Errorf("it was asked %d times", n)
	}
	for _, r := range []platform.Resource{task, w.scope()} {
		if err := w.Delete(w.ctx, refOf(r)); err != nil {
			t.Error(err)
		}
	}
}
