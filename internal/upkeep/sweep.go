package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"offshoot/internal/human"
	"offshoot/internal/staging"
)

// sweepAtLeast is how long nothing may be looked at where nothing changes.
const sweepAtLeast = 5 * time.Minute

// Action is what a sweep does with one environment.
type Action string

// The actions.
const (
	Keep    Action = "keep"
	Warn    Action = "warn"
	Destroy Action = "destroy"
)

// Verdict is one line of a sweep.
type Verdict struct {
	Environment staging.Environment
	Action      Action
	// Reason is why, for people.
	Reason string
	// DueAt is when it ends if nobody uses it, zero for never.
	DueAt time.Time
	// next is when the verdict may be another one.
	next time.Time
}

// Report is what a sweep did, or would do.
type Report struct {
	At    time.Time
	Items []Verdict
	// Halted is why nothing is destroyed now, "" where that is not so.
	Halted string
}

// Request asks for a sweep.
type Request struct {
	// Project is "" for all.
	Project string
	DryRun  bool
	// GoOn lets go what was halted: a person has looked at it.
	GoOn bool
}

// judge is what is due for one environment. It is pure.
func judge(now time.Time, l life, e staging.Environment, inUse string) Verdict {
	v := Verdict{Environment: e, Action: Keep, DueAt: l.endAt, Reason: l.forever, next: l.endAt}
	idle := "last used " + human.Span(now.Sub(lastUse(e))) + " ago"
	switch {
	case l.forever != "":
	case now.Before(l.warnAt):
		v.Reason, v.next = fmt.Sprintf("%s; its ttl is %s", idle, human.Span(l.ttl)), l.warnAt
	case inUse != "":
		v.Reason = inUse
	case !l.warned:
		v.Action, v.Reason = Warn, fmt.Sprintf("%s; it ends %s after this warning at the earliest", idle, human.Span(l.lead))
	case now.Before(l.endAt):
		v.Reason = fmt.Sprintf("%s; warned of %s ago", idle, human.Span(now.Sub(e.WarnedAt)))
	default:
		v.Action, v.Reason = Destroy, fmt.Sprintf("%s, more than its ttl of %s; warned of %s ago", idle, human.Span(l.ttl), human.Span(now.Sub(e.WarnedAt)))
	}
	return v
}

// Sweep looks at every environment now and does what is due, or only says it.
func (s *Service) Sweep(ctx context.Context, r Request) (Report, error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	if r.GoOn && !r.DryRun {
		if err := s.goOn(ctx); err != nil {
			return Report{}, err
		}
	}
	if _, err := s.flush(ctx); err != nil {
		return Report{}, err
	}
	if err := s.lookAtClock(ctx); err != nil {
		return Report{}, err
	}
	report, projects, err := s.judgeAll(ctx, r.Project)
	if err != nil || r.DryRun {
		return report, err
	}
	var failed []error
	for i := range report.Items {
		if err := s.carryOut(ctx, &report, &report.Items[i], projects); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", report.Items[i].Environment.ID, err))
		}
	}
	return report, errors.Join(failed...)
}

func (s *Service) judgeAll(ctx context.Context, project string) (Report, map[string]staging.Project, error) {
	projects, err := s.Store.Projects(ctx)
	if err != nil {
		return Report{}, nil, err
	}
	byName := map[string]staging.Project{}
	for _, p := range projects {
		byName[p.Name] = p
	}
	live, err := s.Store.Live(ctx)
	if err != nil {
		return Report{}, nil, err
	}
	down := s.outages()
	report := Report{At: s.Now(), Items: []Verdict{}}
	if report.Halted, err = s.halted(ctx); err != nil {
		return Report{}, nil, err
	}
	stopped, err := loadBreaker(ctx, s.Store)
	if err != nil {
		return Report{}, nil, err
	}
	for _, e := range live {
		if project != "" && e.Project != project {
			continue
		}
		v := judge(report.At, lifeOf(s.Defaults, byName[e.Project], e, down), e, s.inUse(e))
		if cause := stopped.waits(e.ID); cause != "" && v.Action == Keep {
			v.Reason = "would go, because " + cause + ", once a person lets it"
		}
		report.Items = append(report.Items, v)
	}
	return report, byName, nil
}

// inUse is what keeps an environment alive beside its last activity.
func (s *Service) inUse(e staging.Environment) string {
	if s.Use.Session(e.ID) {
		return "somebody is in it"
	}
	return ""
}

// carryOut does what a verdict says, once more looked at in the transaction.
func (s *Service) carryOut(ctx context.Context, report *Report, v *Verdict, projects map[string]staging.Project) error {
	switch v.Action {
	case Warn:
		return s.warn(ctx, v, projects[v.Environment.Project])
	case Destroy:
		if why, err := s.suspended(ctx); err != nil || why != "" {
			v.Action, v.Reason = Keep, "not now: "+why
			return err
		}
		err := s.Work.Expire(ctx, v.Environment)
		if staging.CodeOf(err) != staging.CodeLimit {
			return err
		}
		if report.Halted, err = s.halted(ctx); err != nil {
			return err
		}
		v.Action, v.Reason = Keep, "not now: "+report.Halted
	}
	return nil
}

// warn says that an environment is about to end.
func (s *Service) warn(ctx context.Context, v *Verdict, p staging.Project) error {
	down := s.outages()
	return s.Store.Write(ctx, func(w Writer) error {
		e, err := w.Environment(ctx, v.Environment.ID)
		if err != nil {
			return err
		}
		now := s.Now()
		if l := lifeOf(s.Defaults, p, e, down); l.forever != "" || l.warned || now.Before(l.warnAt) {
			return nil // used meanwhile
		}
		e.WarnedAt = now
		v.DueAt = lifeOf(s.Defaults, p, e, down).endAt
		v.next = v.DueAt
		if err := w.PutEnvironment(ctx, e); err != nil {
			return err
		}
		_, err = w.AppendEvent(ctx, staging.Event{At: now, Type: "environment.expiring", Project: e.Project, Environment: e.ID, Actor: "server",
			Message: e.Branch + " will be destroyed in " + human.Span(v.DueAt.Sub(now)) + " unless somebody uses it",
			Detail:  map[string]any{"expires_at": v.DueAt, "keep": "offshoot extend " + e.Slug + " 24h"}})
		return err
	})
}

// sweepDue is the sweeper's duty. It answers when the next warning or end is
// due.
func (s *Service) sweepDue(ctx context.Context) (time.Time, error) {
	report, err := s.Sweep(ctx, Request{})
	next := s.Now().Add(sweepAtLeast)
	for _, v := range report.Items {
		if v.next.After(s.Now()) && v.next.Before(next) {
			next = v.next
		}
	}
	return next, err
}

// suspended is why nothing is swept, "" where the clock can be trusted.
func (s *Service) suspended(ctx context.Context) (string, error) {
	var x suspension
	err := loadSetting(ctx, s.Store, suspensionSetting, &x)
	return x.Reason, err
}

// halted is why nothing is destroyed, "" where that is not so.
func (s *Service) halted(ctx context.Context) (string, error) {
	why, err := s.suspended(ctx)
	if err != nil || why != "" {
		return why, err
	}
	state, err := loadBreaker(ctx, s.Store)
	if err != nil {
		return "", err
	}
	return state.halted(), nil
}

// goOn is a person's word that what was halted or suspended is right.
func (s *Service) goOn(ctx context.Context) error {
	return s.Store.Write(ctx, func(w Writer) error {
		state, err := loadBreaker(ctx, w)
		if err != nil {
			return err
		}
		approved := state.goOn()
		if err := saveSetting(ctx, w, breakerSetting, state); err != nil {
			return err
		}
		if err := saveSetting(ctx, w, suspensionSetting, suspension{}); err != nil {
			return err
		}
		_, err = w.AppendEvent(ctx, staging.Event{At: s.Now(), Type: "sweeper.resumed", Actor: "admin",
			Message: fmt.Sprintf("a person lets the sweeper go on; %d environments that waited may go", approved)})
		return err
	})
}
