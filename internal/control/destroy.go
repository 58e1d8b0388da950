package control

import (
	"context"
	"errors"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// Destroy takes an environment away for good. Destroying what is destroyed is
// no error.
func (s *Service) Destroy(ctx context.Context, actor, id, confirm string) (wire.Environment, error) {
	err := s.Store.Write(ctx, func(t *store.Tx) error {
		env, err := t.Environment(ctx, id)
		if err != nil || !env.DeleteRequestedAt.IsZero() {
			return err
		}
		if env.Kind == staging.KindShared && confirm != env.Project {
			return staging.Refused("offshoot destroy "+env.Slug+" --confirm "+env.Project, "%s is the shared environment of %s: its data would be gone", env.Slug, env.Project)
		}
		return s.destroying(ctx, t, env, actor, "asked for by "+actor)
	})
	if err != nil {
		return wire.Environment{}, err
	}
	s.Links.Forget()
	s.Work.Kick(id)
	return s.Environment(ctx, id)
}

// destroying writes down that an environment goes, which is never taken back.
func (s *Service) destroying(ctx context.Context, t *store.Tx, env staging.Environment, actor, cause string) error {
	env.DeleteRequestedAt, env.DeleteCause, env.Phase = s.Now(), cause, staging.PhaseDestroying
	if err := t.PutEnvironment(ctx, env); err != nil {
		return err
	}
	if err := errors.Join(s.cancel(ctx, t, env), s.unlink(ctx, t, env)); err != nil {
		return err
	}
	return s.event(ctx, t, env, actor, "environment.destroying", env.Branch+" is being destroyed: "+cause, nil)
}

// cancel ends every deployment that runs: whoever waits for one is told now.
func (s *Service) cancel(ctx context.Context, t *store.Tx, env staging.Environment) error {
	list, err := t.Underway(ctx, env.ID)
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.Outcome != staging.OutcomeRunning {
			continue
		}
		d.Outcome, d.FinishedAt = staging.OutcomeCancelled, s.Now()
		if err := t.PutDeployment(ctx, d); err != nil {
			return err
		}
	}
	return nil
}
