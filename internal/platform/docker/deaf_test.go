package docker_test

import (
	"testing"
	"time"

	"offshoot/internal/platform/docker"
	"offshoot/internal/staging"
)

// TestNobodyWaitsForWhatNeverHears holds that the grace of a first process that
// takes no notice of its stop signal does not pass for nothing, and that one which
// takes notice has it.
func TestNobodyWaitsForWhatNeverHears(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	for name, c := range map[string]struct {
		script string
		grace  time.Duration
		said   string
	}{
		"deaf":     {"echo up; while :; do sleep 1000; done", 2 * patience, "up"}, // longer than the test may take
		"catches":  {"trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done", 2 * patience, "up\nbye"},
		"declines": {"trap '' TERM; echo up; for i in $(seq 10); do sleep 0.1; done; echo done", 2 * patience, "up\ndone"},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.workload(name, staging.WorkloadSpec{Command: staging.Command{Shell: c.script}})
			r.Workload.StopGrace = c.grace
			w.apply(r)
			for w.log(r) == "" { // its traps are set
				if w.ctx.Err() != nil {
					t.Fatal("it says nothing")
				}
			}
			if err := w.Delete(w.ctx, refOf(r)); err != nil {
				t.Fatal(err)
			}
			if said := w.log(r); said != c.said {
				t.Errorf("it said %q, want %q", said, c.said)
			}
		})
	}
}
