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
	for after := ""; ; {
		const page = 500
		list, err := s.Store.Environments(ctx, store.EnvironmentFilter{After: after, Limit: page})
		if err != nil {
			return st, err
		}
		for _, e := range list {
			after = e.ID
			st.Environments[string(e.Phase)]++
			if e.Phase == staging.PhaseQueued {
				st.Queue = append(st.Queue, wire.Queued{Environment: e.ID, Project: e.Project, Branch: e.Branch, Reason: e.Reason, Since: e.CreatedAt})
			}
		}
		if len(list) < page {
			break
		}
	}
	free, total, err := s.Disk()
	if err != nil {
		return st, err
	}
	st.Capacity = wire.Capacity{DiskFreeBytes: free, DiskTotalBytes: total, Scarce: s.Disk.Scarce()}
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
