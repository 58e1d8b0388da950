package control

import (
	"context"
	"errors"
	"time"

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

// Act does one of the small things to an environment.
func (s *Service) Act(ctx context.Context, actor, id, action string, seconds int64) (wire.Environment, error) {
	return s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		now := s.Now()
		switch action {
		case "sleep":
			// The planner lets what runs end first.
			d, err := latest(ctx, t, env)
			if err != nil {
				return err
			}
			if env.Deployed.Deployment == "" && (d == nil || d.Outcome != staging.OutcomeRunning) {
				return staging.Refused("offshoot create "+env.Branch, "nothing runs in %s that could sleep", env.Slug)
			}
			env.Awake, env.AsleepBy = false, actor
			if actor != staging.AsleepIdle {
				env.LastActivityAt = now
			}
		case "wake":
			env.Awake, env.AwakeSince, env.AsleepBy, env.LastActivityAt = true, now, "", now
		case "pin":
			env.Pinned, env.LastActivityAt = true, now
		case "unpin":
			if env.Kind == staging.KindShared {
				return staging.Refused("it is never swept; offshoot destroy takes it away", "the shared environment is always pinned")
			}
			env.Pinned, env.LastActivityAt = false, now
		case "extend":
			if seconds <= 0 {
				return staging.Errorf(staging.CodeUsage, "give a duration such as 24h", "extend by nothing")
			}
			p, err := t.Project(ctx, env.Project)
			if err != nil {
				return err
			}
			from := now
			if at := s.Upkeep.Expires(p, env); at.After(now) {
				from = at
			}
			env.ExtendedTo, env.LastActivityAt, env.WarnedAt = from.Add(time.Duration(seconds)*time.Second), now, time.Time{}
		default:
			return staging.Errorf(staging.CodeUsage, "", "nothing is called %q", action)
		}
		if err := t.PutEnvironment(ctx, env); err != nil {
			return err
		}
		return s.event(ctx, t, env, actor, "environment."+action, env.Branch+": "+action, nil)
	})
}

// Wake wakes an environment that a request waits for. It never blocks long and
// does nothing where it is awake.
func (s *Service) Wake(ctx context.Context, id string) error {
	err := s.Store.Write(ctx, func(t *store.Tx) error {
		env, err := t.Environment(ctx, id)
		if err != nil || env.Awake || !env.DeleteRequestedAt.IsZero() {
			return err
		}
		// Who asks may be a crawler: whether it is activity, the edge says.
		env.Awake, env.AwakeSince, env.AsleepBy, env.Phase = true, s.Now(), "", staging.PhaseWaking
		if err := t.PutEnvironment(ctx, env); err != nil {
			return err
		}
		return s.event(ctx, t, env, "edge", "environment.waking", env.Branch+" is woken by a request", nil)
	})
	s.Work.Kick(id)
	return err
}
