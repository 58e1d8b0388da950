package control

import (
	"context"
	"strings"

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
	users, err := s.users(ctx, project)
	items := make([]wire.Snapshot, len(list))
	for i, x := range list {
		items[i] = snapshot(x, users[x.ID])
	}
	return items, err
}

// users are the environments whose data came from each snapshot.
func (s *Service) users(ctx context.Context, project string) (map[string][]string, error) {
	envs, err := s.Store.Environments(ctx, store.EnvironmentFilter{Project: project})
	users := map[string][]string{}
	for _, e := range envs {
		seen := map[string]bool{}
		for _, d := range e.Data {
			if d.Snapshot != "" && !seen[d.Snapshot] {
				seen[d.Snapshot] = true
				users[d.Snapshot] = append(users[d.Snapshot], e.ID)
			}
		}
	}
	return users, err
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
	users, err := s.users(ctx, x.Project)
	return snapshot(x, users[id]), err
}

// TakeSnapshot begins a snapshot of an environment, "" for the shared one.
func (s *Service) TakeSnapshot(ctx context.Context, actor, project, from string) (wire.Snapshot, error) {
	p, err := s.Store.Project(ctx, project)
	if err != nil {
		return wire.Snapshot{}, noProject(err)
	}
	if from == "" {
		env, err := s.Store.EnvironmentByBranch(ctx, project, p.StagingBranch)
		if err != nil {
			return wire.Snapshot{}, staging.NotFound("offshoot create "+p.StagingBranch, "project %s has no shared environment", project)
		}
		from = env.ID
	}
	x, run, err := s.Work.BeginSnapshot(ctx, from, actor, false)
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
	x, err := s.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	if len(x.UsedBy) > 0 {
		return staging.Refused("reset or destroy them first", "snapshot %s is used by %s", id, strings.Join(x.UsedBy, ", "))
	}
	if x.State == string(staging.SnapshotTaking) || x.State == string(staging.SnapshotVerifying) {
		return staging.Errorf(staging.CodeConflict, "wait until it is ready", "snapshot %s is being taken", id)
	}
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
		want.DataReset = r.Snapshot
		if want.DataReset == "" {
			want.DataReset = "latest"
			if env.Kind == staging.KindShared {
				want.DataReset = "none"
			}
		} else if want.DataReset != "none" && want.DataReset != "latest" {
			x, err := t.Snapshot(ctx, r.Snapshot)
			if err != nil || x.Project != env.Project || x.State != staging.SnapshotReady {
				return staging.NotFound("offshoot snapshot ls", "there is no snapshot %q that is ready", r.Snapshot)
			}
		}
		env.Data = nil
		env.LastActivityAt = s.Now()
		return s.want(ctx, t, env, want, current.Revision, request{cause: "data reset", actor: actor})
	})
}
