package wiring

import (
	"context"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

const (
	// upkeepEvery is how often activity is written and idleness looked at.
	upkeepEvery = 15 * time.Second
	// defaultSleep is how long an environment may be idle before it sleeps.
	defaultSleep = 30 * time.Minute
)

// upkeep writes activity down and lets idle environments sleep, one pass for
// all of them.
func (s *server) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.pass(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("upkeep", "error", err)
		}
	}
}

func (s *server) pass(ctx context.Context) error {
	for id, at := range s.edge.Activity() {
		if err := s.touch(ctx, id, at); err != nil {
			return err
		}
	}
	if err := s.engine.KickDue(ctx); err != nil {
		return err
	}
	projects, err := s.store.Projects(ctx)
	if err != nil {
		return err
	}
	byName := map[string]staging.Project{}
	for _, p := range projects {
		byName[p.Name] = p
	}
	list, err := s.store.Environments(ctx, store.EnvironmentFilter{})
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Awake && (e.Phase == staging.PhaseReady || e.Phase == staging.PhaseDegraded) {
			s.engine.Kick(e.ID) // sees what has crashed, or stands again
		}
		if !s.idle(ctx, byName[e.Project], e) {
			continue
		}
		if _, err := s.control.Act(ctx, "idle", e.ID, "sleep", 0); err != nil && staging.CodeOf(err) != staging.CodeConflict {
			return err
		}
	}
	return nil
}

func (s *server) touch(ctx context.Context, id string, at time.Time) error {
	err := s.store.Write(ctx, func(t *store.Tx) error {
		e, err := t.Environment(ctx, id)
		if err != nil || !e.LastActivityAt.Before(at) {
			return err
		}
		e.LastActivityAt = at
		return t.PutEnvironment(ctx, e)
	})
	if staging.CodeOf(err) == staging.CodeNotFound {
		return nil
	}
	return err
}

// idle is whether an awake environment was used by nobody for its time.
func (s *server) idle(ctx context.Context, p staging.Project, e staging.Environment) bool {
	if !e.Awake || e.Phase != staging.PhaseReady || e.Kind == staging.KindShared || s.edge.InFlight(e.ID) > 0 || len(s.engine.Sessions(e.ID)) > 0 {
		return false
	}
	after := defaultSleep
	if p.Policy.Sleep != 0 {
		after = p.Policy.Sleep
	}
	if d, err := s.store.Deployment(ctx, e.Deployed.Deployment); err == nil && d.Stack != nil {
		if d.Stack.Sleep.Never {
			return false
		}
		if d.Stack.Sleep.After > 0 {
			after = d.Stack.Sleep.After
		}
	}
	return after > 0 && now().Sub(e.LastActivityAt) > after
}
