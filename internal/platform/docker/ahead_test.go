package docker_test

import (
	"strings"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// TestWhatWasStartedAheadIsStartedAgain holds that a crash of what waited first is
// answered like any other, and what an image runs by itself is what begins.
func TestWhatWasStartedAheadIsStartedAgain(t *testing.T) {
	w := newWorld(t, docker.Config{Holder: self(t)})
	w.apply(w.scope())
	crashes := w.workload("crashes", staging.WorkloadSpec{Restart: true, Command: staging.Command{Shell: "sleep 0.2; exit 7"}})
	own := w.workload("own", staging.WorkloadSpec{Image: "redis:7", Restart: true})
	absent := w.workload("absent", staging.WorkloadSpec{Command: staging.Command{Args: []string{"no-such-program"}}})
	for _, r := range []platform.Resource{crashes, own, absent} {
		if err := w.Prepare(w.ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	w.apply(crashes)
	o := w.until(crashes, func(o staging.Observation) bool { return o.Restarts > 1 })
	if !strings.Contains(o.Reason, "exited with 7") {
		t.Errorf("%+v", o)
	}
	w.apply(own)
	w.until(own, running)
	if said := w.says("ask", staging.WorkloadSpec{Image: "redis:7", Command: staging.Command{Shell: "for i in 1 2 3 4 5 6 7 8 9; do redis-cli -h own ping && break; sleep 0.3; done"}}); !strings.Contains(said, "PONG") {
		t.Errorf("%q", said)
	}
	w.apply(absent)
	if o := w.until(absent, exited); *o.ExitCode != 127 {
		t.Errorf("%+v", o)
	}
}

// TestTheTimeAtTheGateIsNotATasks holds that a task's time limit counts from when
// it began, not from when it could have.
func TestTheTimeAtTheGateIsNotATasks(t *testing.T) {
	w := newWorld(t, docker.Config{Holder: self(t)})
	w.apply(w.scope())
	spec := program(platformtest.Program{Nap: 500 * time.Millisecond})
	spec.Timeout = 4 * time.Second
	r := w.task("late", spec)
	if err := w.Prepare(w.ctx, r); err != nil {
		t.Fatal(err)
	}
	w.says("nap", program(platformtest.Program{Nap: 4 * time.Second}))
	began := time.Now()
	w.apply(r)
	if o := w.until(r, exited); *o.ExitCode != 0 || o.Ending != staging.EndingOwn || o.StartedAt.Before(began.Add(-time.Second)) {
		t.Errorf("%+v", o)
	}
}
