package control

import (
	"context"

	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Snapshots are those of a project, newest first.
func (s *Service) Snapshots(ctx context.Context, project string) ([]wire.Snapshot, error) {
	if _, err := s.Store.Project(ctx, project); err != nil {
		return nil, noProject(err)
	}
	list, err := s.Store.Snapshots(ctx, project)
	if err != nil {
		return nil, err
	}
	users, err := reconcile.SnapshotUsers(ctx, s.Store)
	items := make([]wire.Snapshot, len(list))
	for i, x := range list {
		items[i] = snapshot(x, users[x.ID])
	}
	return items, err
}

func snapshot(x staging.Snapshot, users []string) wire.Snapshot {
	if users == nil {
		users = []string{}
	}
	w := wire.Snapshot{ID: x.ID, Project: x.Project, Source: x.Source, Revision: x.Revision, TakenAt: x.TakenAt, State: string(x.State), Masked: x.Masked,
		SizeBytes: x.SizeBytes, UsedBy: users, Parts: []wire.SnapshotPart{}, Failure: x.Failure}
	for _, p := range x.Parts {
		w.Parts = append(w.Parts, wire.SnapshotPart{Name: p.Name, Kind: p.Kind, Engine: p.Engine, SizeBytes: p.SizeBytes})
	}
	if !x.VerifiedAt.IsZero() {
		w.VerifiedAt = &x.VerifiedAt
	}
	return w
}

// Snapshot is one.
func (s *Service) Snapshot(ctx context.Context, id string) (wire.Snapshot, error) {
	x, err := s.Store.Snapshot(ctx, id)
	if err != nil {
		return wire.Snapshot{}, err
	}
	users, err := reconcile.SnapshotUsers(ctx, s.Store)
	return snapshot(x, users[id]), err
}

// TakeSnapshot begins a snapshot of an environment, "" for the shared one.
func (s *Service) TakeSnapshot(ctx context.Context, actor, project string, r wire.TakeSnapshot) (wire.Snapshot, error) {
	p, err := s.Store.Project(ctx, project)
	if err != nil {
		return wire.Snapshot{}, noProject(err)
	}
	from := r.From
	if from == "" {
		env, err := s.Store.EnvironmentByBranch(ctx, project, p.StagingBranch)
		if err != nil {
			return wire.Snapshot{}, staging.NotFound("offshoot create "+p.StagingBranch, "project %s has no shared environment", project)
		}
		from = env.ID
	}
	if env, err := s.Store.Environment(ctx, from); err != nil || env.Project != project {
		return wire.Snapshot{}, staging.NotFound("offshoot ls", "project %s has no environment %q", project, from)
	}
	if why := s.Disk.Scarce(); why != "" {
		return wire.Snapshot{}, staging.Errorf(staging.CodeLimit, "free space, or remove snapshots that nobody needs: offshoot snapshot ls", "no snapshot is begun: %s", why)
	}
	x, run, err := s.Work.BeginSnapshot(ctx, reconcile.SnapshotRequest{Environment: from, Only: r.Data, Actor: actor})
	if err != nil {
		return wire.Snapshot{}, err
	}
	s.Work.Go(func(ctx context.Context) {
		if err := run(ctx); err != nil {
			s.Log.Warn("snapshot", "snapshot", x.ID, "error", err)
		}
	})
	return snapshot(x, nil), nil
}

// RemoveSnapshot deletes one that nothing uses.
func (s *Service) RemoveSnapshot(ctx context.Context, id string) error {
	return s.Work.RemoveSnapshot(ctx, id)
}
