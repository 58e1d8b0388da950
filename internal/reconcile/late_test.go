package reconcile_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// late is a platform on which a worker is said to run only once somebody has
// waited for that, and which tells nobody.
type late struct {
	mortalPlatform
	runs *atomic.Bool
}

func (l late) Observe(ctx context.Context, ref platform.Ref) (staging.Observation, error) {
	o, err := l.mortalPlatform.Observe(ctx, ref)
	if strings.Contains(ref.Name, "/workload/worker.") && o.Run == staging.RunRunning && !l.runs.Load() {
		o.Run = staging.RunStarting
	}
	return o, err
}

func (l late) Wait(ctx context.Context, ref platform.Ref, seen staging.Observation) (staging.Observation, error) {
	if strings.Contains(ref.Name, "/workload/worker.") {
		defer l.runs.Store(true)
		seen.Run = staging.RunRunning // as the platform knows
	}
	return l.mortalPlatform.Wait(ctx, ref, seen)
}

// TestNothingRestsOnWhatWasSeenBefore holds where a service was seen for the last
// time just before it was up.
func TestNothingRestsOnWhatWasSeenBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.more = []staging.Service{{Name: "worker", Replicas: 1, Command: staging.Command{Args: []string{"stays", "up"}}}}
	runs := &atomic.Bool{}
	s := w.server.Load()
	g := s.Grounds["fake"]
	g.Platform = late{g.Platform.(mortalPlatform), runs}
	s.Grounds["fake"] = g
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	w.edit(func(e *staging.Environment) { e.Awake = false })
	w.phase(staging.PhaseAsleep)
	runs.Store(false)
	w.untold = true
	w.edit(func(e *staging.Environment) { e.Awake = true })
	w.phase(staging.PhaseReady)
	w.untold = false
	w.gone()
}
