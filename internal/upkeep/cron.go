package upkeep

import (
	"context"
	"errors"
	"time"

	"github.com/adhocore/gronx"

	"offshoot/internal/staging"
)

const taskCrons = "crons"

// cronsAtLeast is how often it is looked for cron jobs although nothing is due.
const cronsAtLeast = time.Hour

// crons starts the jobs whose time came since it last looked, in every
// environment that is awake: a job wakes nothing, and what was missed is not
// made up for. Times are by the clock of the place of the server.
func (s *Service) crons(ctx context.Context) (time.Time, error) {
	now := s.Now().In(s.Local)
	since := s.cronsAt
	s.cronsAt = now
	live, err := s.Store.Live(ctx)
	if err != nil {
		return time.Time{}, err
	}
	next := now.Add(cronsAtLeast)
	var failed []error
	for _, e := range live {
		if !e.Awake || !e.DeleteRequestedAt.IsZero() || e.Phase != staging.PhaseReady && e.Phase != staging.PhaseDegraded {
			continue
		}
		stack, err := s.Store.Stack(ctx, e)
		if err != nil || stack == nil {
			failed = append(failed, err)
			continue
		}
		for _, x := range stack.Services {
			if !s.Crons.On(e, x) {
				continue
			}
			at, err := gronx.NextTickAfter(x.Schedule, now, false)
			if err != nil {
				continue // the manifest refuses it; an old stack may have it
			}
			if at.Before(next) {
				next = at
			}
			if due(x.Schedule, since, now) {
				s.Crons.Run(e.ID, x.Name)
			}
		}
	}
	return next, errors.Join(failed...)
}

// stale is how late a job may start: what was missed by more is not made up for.
const stale = time.Minute

// due is whether a schedule's time came after since, and not long ago.
func due(schedule string, since, now time.Time) bool {
	if since.IsZero() {
		return false
	}
	if begin := now.Add(-stale); since.Before(begin) {
		since = begin
	}
	at, err := gronx.NextTickAfter(schedule, since, false)
	return err == nil && !at.After(now)
}
