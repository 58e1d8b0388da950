package control

import (
	"context"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// Act does one of the small things to an environment.
func (s *Service) Act(ctx context.Context, actor, id, action string, seconds int64) (wire.Environment, error) {
	return s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		now := s.Now()
		switch action {
		case "sleep":
			// The planner lets what runs end first.
			if err := hasWork(ctx, t, env, action); err != nil {
				return err
			}
			env.Awake, env.AsleepBy = false, actor
			if actor != staging.AsleepIdle {
				env.LastActivityAt = now
			}
		case "wake":
			if err := hasWork(ctx, t, env, action); err != nil {
				return err
			}
			if env.Phase == staging.PhaseAsleep {
				env.Phase = staging.PhaseWaking
			}
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

// hasWork refuses to put to sleep, or wake, what has nothing that runs.
func hasWork(ctx context.Context, t *store.Tx, env staging.Environment, action string) error {
	d, err := latest(ctx, t, env)
	if err != nil || env.Deployed.Deployment != "" || d != nil && d.Outcome == staging.OutcomeRunning {
		return err
	}
	return staging.Refused("offshoot create "+env.Branch, "nothing is deployed in %s that could %s", env.Slug, action)
}

// SleepDeep lets an environment keep nothing in memory any more that rests since
// nobody used it, if it still does.
func (s *Service) SleepDeep(ctx context.Context, id string) error {
	err := s.Store.Write(ctx, func(t *store.Tx) error {
		env, err := t.Environment(ctx, id)
		if err != nil || env.Awake || env.AsleepBy != staging.AsleepIdle {
			return err
		}
		env.AsleepBy = staging.AsleepLong
		return t.PutEnvironment(ctx, env)
	})
	s.Work.Kick(id)
	return err
}

// Wake wakes an environment that a request waits for. It never blocks long and
// does nothing where it is awake.
func (s *Service) Wake(ctx context.Context, id string) error {
	err := s.Store.WriteSoon(ctx, func(t *store.Tx) error {
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
