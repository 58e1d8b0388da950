package upkeep

import (
	"context"
	"errors"
	"time"

	"offshoot/internal/staging"
)

// idle lets those sleep that nobody used for their time and has the others
// looked at. Where nothing is awake it need not come again soon.
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
	for _, e := range live {
		if !e.Awake || !e.DeleteRequestedAt.IsZero() || e.Phase != staging.PhaseReady && e.Phase != staging.PhaseDegraded {
			continue
		}
		at, err := s.idleAt(ctx, byName[e.Project], e)
		switch {
		case err != nil:
			failed = append(failed, err)
		case !at.IsZero() && !now.Before(at) && s.Use.Open(e.ID) == 0:
			if err := s.Work.Sleep(ctx, e.ID); err != nil && staging.CodeOf(err) != staging.CodeConflict {
				failed = append(failed, err)
			}
			continue
		}
		awake = append(awake, e.ID)
	}
	next := s.Now().Add(s.Every)
	if len(awake) == 0 {
		next = s.Now().Add(sweepAtLeast)
	}
	return next, errors.Join(append(failed, s.Work.Look(ctx, awake))...)
}

// idleAt is when an environment has been idle for its time, zero for never. Time
// that the server was down does not count: nobody could have used it.
func (s *Service) idleAt(ctx context.Context, p staging.Project, e staging.Environment) (time.Time, error) {
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
	return s.down.after(idleSince(e), after), nil
}
