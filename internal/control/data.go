package control

import (
	"context"
	"slices"

	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// EnvironmentData is all that there is to say of an environment's data.
func (s *Service) EnvironmentData(ctx context.Context, id string) (wire.EnvironmentData, error) {
	v, err := s.Environment(ctx, id)
	if err != nil {
		return wire.EnvironmentData{}, err
	}
	rows, err := s.Store.Resources(ctx, id)
	report := wire.EnvironmentData{Environment: id, Items: v.Data}
	if last, ok := reconcile.LastAside(rows, s.Now()); ok {
		report.Undo = &wire.Undo{SetAsideAt: last.At, Until: last.Until}
	}
	return report, err
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
			want.Revision, want.Joined = serving.Revision.ID, serving.Revision.Joined
		}
		env.LastActivityAt = s.Now()
		return s.want(ctx, t, env, want, serving.Revision, request{cause: "data undo", actor: actor})
	})
}
