package control

import (
	"context"
	"slices"

	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
	"offshoot/internal/store"
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

// Reset puts the data of a snapshot in place; seed and migrations run again.
func (s *Service) Reset(ctx context.Context, actor, id string, r wire.Reset) (wire.Environment, error) {
	return s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		if env.Kind == staging.KindShared && r.Confirm != env.Project {
			return staging.Refused("offshoot data reset "+env.Slug+" --confirm "+env.Project, "%s is the shared environment of %s", env.Slug, env.Project)
		}
		current, err := latest(ctx, t, env)
		if err != nil {
			return err
		}
		if current == nil {
			return staging.Refused("offshoot create "+env.Branch, "nothing is deployed yet")
		}
		want := env.Desired
		want.DataResets++
		want.DataReset, want.DataUndo = r.Snapshot, ""
		if want.DataReset == "" {
			want.DataReset = "latest"
		}
		if want.DataReset != "none" && want.DataReset != "latest" {
			x, err := t.Snapshot(ctx, r.Snapshot)
			if err != nil || x.Project != env.Project || x.State != staging.SnapshotReady {
				return staging.NotFound("offshoot snapshot ls", "there is no snapshot %q that is ready", r.Snapshot)
			}
		}
		env.LastActivityAt = s.Now()
		return s.want(ctx, t, env, want, current.Revision, request{cause: "data reset", actor: actor})
	})
}

// Undo brings back the data that the last reset, undo or failed release
// replaced, under the revision that serves.
func (s *Service) Undo(ctx context.Context, actor, id string) (wire.Environment, error) {
	return s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		rows, err := t.Resources(ctx, env.ID)
		if err != nil {
			return err
		}
		last, ok := reconcile.LastAside(rows, s.Now())
		if !ok || env.Deployed.Deployment == "" {
			return staging.Refused("offshoot data reset "+env.Slug+" goes back to a snapshot", "nothing of %s was set aside within the last 24 h", env.Slug)
		}
		serving, err := t.Deployment(ctx, env.Deployed.Deployment)
		if err != nil {
			return err
		}
		for _, name := range reconcile.DataNames(serving.Stack) {
			if !slices.Contains(last.Names, name) {
				return staging.Refused("offshoot data reset "+env.Slug+" goes back to a snapshot", "what was set aside has no %s, which the stack declares since", name)
			}
		}
		want := env.Desired
		want.DataResets++
		want.DataReset, want.DataUndo = "", last.Set
		if want.Revision != serving.Revision.ID {
			// What serves knows this data; the revision that failed waits for a push.
			if want.HeldAt == "" {
				want.HeldAt = want.Revision
			}
			want.Revision = serving.Revision.ID
		}
		env.LastActivityAt = s.Now()
		return s.want(ctx, t, env, want, serving.Revision, request{cause: "data undo", actor: actor})
	})
}
