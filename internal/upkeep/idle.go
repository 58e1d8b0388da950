package upkeep

import (
	"context"
	"errors"
	"time"

	"offshoot/internal/staging"
)

// idle lets those sleep that nobody used for their time and has the others
// looked at. What rests sleeps deep when nobody came for as long again, or when
// memory is short. Where nothing is awake or rests it need not come again soon.
func (s *Service) idle(ctx context.Context) (time.Time, error) {
	projects, err := s.Store.Projects(ctx)
	if err != nil {
		return time.Time{}, err
	}
	byName := map[string]staging.Project{}
	for _, p := range projects {
		byName[p.Name] = p
	}
	live, err := s.Store.Live(ctx)
	if err != nil {
		return time.Time{}, err
	}
	now := s.Now()
	var failed []error
	var awake []string
	resting := false
	for _, e := range live {
		if e.Phase == staging.PhaseAsleep && e.AsleepBy == staging.AsleepIdle && e.DeleteRequestedAt.IsZero() && s.Rests(e) {
			deeper, err := s.deeper(ctx, byName[e.Project], e)
			if err == nil && deeper {
				err = s.Work.Sleep(ctx, e.ID, true)
			}
			resting = resting || !deeper || err != nil
			failed = append(failed, err)
			continue
		}
		if !e.Awake || !e.DeleteRequestedAt.IsZero() || e.Phase != staging.PhaseReady && e.Phase != staging.PhaseDegraded {
			continue
		}
		at, err := s.idleAt(ctx, byName[e.Project], e, 1)
		switch {
		case err != nil:
			failed = append(failed, err)
		case !at.IsZero() && !now.Before(at) && s.Use.Open(e.ID) == 0:
			if err := s.Work.Sleep(ctx, e.ID, false); err != nil && staging.CodeOf(err) != staging.CodeConflict {
				failed = append(failed, err)
			}
			resting = resting || s.Rests(e)
			continue
		}
		awake = append(awake, e.ID)
	}
	next := s.Now().Add(s.Every)
	if len(awake) == 0 && !resting {
		next = s.Now().Add(sweepAtLeast)
	}
	return next, errors.Join(append(failed, s.Work.Look(ctx, awake))...)
}

// deeper is whether what rests has done so for long enough.
func (s *Service) deeper(ctx context.Context, p staging.Project, e staging.Environment) (bool, error) {
	if s.Short() {
		return true, nil
	}
	at, err := s.idleAt(ctx, p, e, 2)
	return err == nil && !at.IsZero() && !s.Now().Before(at), err
}

// idleAt is when an environment has been idle for so many times its time, zero for
// never. Time that the server was down does not count: nobody could have used it.
func (s *Service) idleAt(ctx context.Context, p staging.Project, e staging.Environment, times int) (time.Time, error) {
	stack, err := s.Store.Stack(ctx, e)
	if err != nil {
		return time.Time{}, err
	}
	after := sleepAfter(s.Defaults, p, e, stack)
	if after == 0 {
		return time.Time{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down.after(idleSince(e), time.Duration(times)*after), nil
}
