package control

import (
	"context"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/upkeep"
	"offshoot/internal/wire"
)

// Upkeep is what is asked of whoever does what nobody asks for.
type Upkeep interface {
	Sweep(ctx context.Context, r upkeep.Request) (upkeep.Report, error)
	Tasks(ctx context.Context) ([]upkeep.Task, error)
	Expires(p staging.Project, e staging.Environment) time.Time
}

// Sweep runs the sweeper now, or says what it would do.
func (s *Service) Sweep(ctx context.Context, r wire.SweepRequest) (wire.SweepReport, error) {
	if r.Project != "" {
		if _, err := s.Store.Project(ctx, r.Project); err != nil {
			return wire.SweepReport{}, noProject(err)
		}
	}
	report, err := s.Upkeep.Sweep(ctx, upkeep.Request{Project: r.Project, DryRun: r.DryRun, GoOn: r.GoOn})
	if err != nil {
		return wire.SweepReport{}, err
	}
	w := wire.SweepReport{At: report.At, Items: []wire.SweepItem{}, Halted: report.Halted != "", HaltReason: report.Halted, DryRun: r.DryRun}
	for _, v := range report.Items {
		item := wire.SweepItem{Environment: v.Environment.ID, Project: v.Environment.Project, Branch: v.Environment.Branch, Action: string(v.Action), Reason: v.Reason}
		if !v.DueAt.IsZero() {
			item.DueAt = &v.DueAt
		}
		w.Items = append(w.Items, item)
	}
	return w, nil
}

// Expire destroys an environment that nobody used, unless somebody has since it
// was looked at.
func (s *Service) Expire(ctx context.Context, seen staging.Environment) error {
	return s.unasked(ctx, seen.ID, staging.CauseExpired, func(e staging.Environment) bool {
		return !e.Pinned && e.LastActivityAt.Equal(seen.LastActivityAt) && e.WarnedAt.Equal(seen.WarnedAt) && e.ExtendedTo.Equal(seen.ExtendedTo)
	})
}

// unasked destroys an environment that no person asked to destroy, if it still
// is as it was seen and the breaker lets it go.
func (s *Service) unasked(ctx context.Context, id, cause string, still func(staging.Environment) bool) error {
	allowed := true
	err := s.Store.Write(ctx, func(t *store.Tx) error {
		env, err := t.Environment(ctx, id)
		if err != nil || !env.DeleteRequestedAt.IsZero() || env.Kind == staging.KindShared || !still(env) {
			return err
		}
		population, err := population(ctx, t)
		if err != nil {
			return err
		}
		if allowed, err = s.Breaker.Allow(ctx, t, env, cause, population); err != nil || !allowed {
			return err // a refusal is remembered: it is committed
		}
		return s.destroying(ctx, t, env, "server", cause)
	})
	switch {
	case err != nil:
		return err
	case !allowed:
		return staging.Errorf(staging.CodeLimit, "offshoot sweep --dry-run shows them; offshoot sweep --go-on lets them go", "too many environments would go at once: %s", cause)
	}
	s.Work.Kick(id)
	return nil
}

// population is how many environments there are.
func population(ctx context.Context, t *store.Tx) (n int, err error) {
	for _, err := range t.EveryEnvironment(ctx, store.EnvironmentFilter{}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
