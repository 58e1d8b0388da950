package control

import (
	"context"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// Status is the server's health.
func (s *Service) Status(ctx context.Context) (wire.Status, error) {
	st := wire.Status{Version: s.Version, Ready: true, Environments: map[string]int{}, Queue: []wire.Queued{}, Tasks: []wire.Task{}}
	byID := map[string]staging.Environment{}
	for e, err := range s.Store.EveryEnvironment(ctx, store.EnvironmentFilter{}) {
		if err != nil {
			return st, err
		}
		st.Environments[string(e.Phase)]++
		byID[e.ID] = e
	}
	waiting, running, slots := s.Work.Queue()
	for _, x := range waiting {
		e := byID[x.Environment]
		st.Queue = append(st.Queue, wire.Queued{Environment: x.Environment, Project: e.Project, Branch: e.Branch, Reason: x.Reason, Place: x.Place, Since: x.Since})
	}
	space, err := s.Disk()
	if err != nil {
		return st, err
	}
	st.Capacity = wire.Capacity{DiskFreeBytes: space.Free, DiskTotalBytes: space.Total, Scarce: s.Disk.Scarce(), Running: running, Slots: slots}
	tasks, err := s.Upkeep.Tasks(ctx)
	if err != nil {
		return st, err
	}
	for _, t := range tasks {
		w := wire.Task{Name: t.Name, Late: t.Late, Problem: t.Problem}
		if !t.LastRunAt.IsZero() {
			w.LastRunAt = &t.LastRunAt
		}
		if !t.LastSuccessAt.IsZero() {
			w.LastSuccessAt = &t.LastSuccessAt
		}
		if !t.NextAt.IsZero() {
			w.NextAt = &t.NextAt
		}
		st.Tasks, st.Late = append(st.Tasks, w), st.Late || t.Late
	}
	return st, nil
}

// waitsFor is why an environment that waits for its turn waits, and at which
// place; "" for others. One that sleeps says what for.
func (s *Service) waitsFor(env staging.Environment) string {
	if env.Phase == staging.PhaseAsleep && (env.AsleepBy == staging.AsleepIdle || env.AsleepBy == staging.AsleepLong) {
		return "nobody used it for a while"
	}
	if env.Phase != staging.PhaseQueued && env.Phase != staging.PhaseWaking && env.Phase != staging.PhaseDestroying && env.Phase != staging.PhaseDeploying {
		return ""
	}
	waiting, _, _ := s.Work.Queue()
	for _, x := range waiting {
		if x.Environment == env.ID {
			return x.Reason
		}
	}
	return ""
}
