package control

import (
	"context"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

const (
	// keptDeployments is how many of an environment's deployments are kept,
	// however old.
	keptDeployments = 50
	// keptEvents is how many events are kept, however new.
	keptEvents = 500_000
	// pruneAtOnce bounds one write, which keeps all others waiting.
	pruneAtOnce = 1000
)

// Prune forgets what is older than that time: environments that were destroyed
// before, with their history, deployments of others but for the last ones, and
// events.
func (s *Service) Prune(ctx context.Context, before time.Time) error {
	for e, err := range s.Store.EveryEnvironment(ctx, store.EnvironmentFilter{Destroyed: true}) {
		switch {
		case err != nil:
		case e.DestroyedAt.IsZero():
			err = s.pruneDeployments(ctx, e, before)
		case e.DestroyedAt.Before(before):
			err = s.Store.Write(ctx, func(t *store.Tx) error { return t.DeleteEnvironment(ctx, e.ID) })
		}
		if err != nil {
			return err
		}
	}
	return s.pruneEvents(ctx, before, keptEvents)
}

// pruneDeployments forgets an environment's old deployments, but for the last
// ones, what serves and what runs.
func (s *Service) pruneDeployments(ctx context.Context, e staging.Environment, before time.Time) error {
	list, err := s.Store.Deployments(ctx, e.ID, keptDeployments+pruneAtOnce) // newest first
	if err != nil || len(list) <= keptDeployments {
		return err
	}
	return s.Store.Write(ctx, func(t *store.Tx) error {
		now, err := t.Environment(ctx, e.ID)
		if err != nil {
			return err
		}
		for _, d := range list[keptDeployments:] {
			if d.ID == now.Current || d.ID == now.Deployed.Deployment || d.Outcome == staging.OutcomeRunning || !d.StartedAt.Before(before) {
				continue
			}
			if err := t.DeleteDeployment(ctx, d.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// pruneEvents forgets old events, and the oldest where there are more than kept.
// They are in the order of their times, but for what somebody set the clock by.
func (s *Service) pruneEvents(ctx context.Context, before time.Time, kept int64) error {
	last, err := s.Store.LastEvent(ctx)
	if err != nil {
		return err
	}
	for {
		page, err := s.Store.Events(ctx, store.EventFilter{Limit: pruneAtOnce})
		if err != nil {
			return err
		}
		var gone int64
		for _, e := range page {
			if !e.At.Before(before) && e.Seq > last-kept {
				break
			}
			gone = e.Seq
		}
		if gone == 0 {
			return nil
		}
		if err := s.Store.Write(ctx, func(t *store.Tx) error { return t.PruneEvents(ctx, gone+1) }); err != nil {
			return err
		}
		if gone != page[len(page)-1].Seq {
			return nil
		}
	}
}
