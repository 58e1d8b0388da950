// Package control is what people and programs ask of the server: it checks a
// request, writes what is wanted into the store, and lets reconcile know.
//
// It makes and deletes nothing itself.
package control

import (
	"context"
	"log/slog"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/reconcile"
	"offshoot/internal/redact"
	"offshoot/internal/seal"
	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/upkeep"
	"offshoot/internal/wire"
)

// Work is how reconcile is told of changes.
type Work interface {
	Kick(environment string)
	Redactor(ctx context.Context, environment string) *redact.Redactor
	Queue() (waiting []reconcile.Waiting, running, slots int)
	Snapshots
	Tasks
}

// Snapshots are taken and removed where the data is.
type Snapshots interface {
	BeginSnapshot(ctx context.Context, r reconcile.SnapshotRequest) (staging.Snapshot, func(context.Context) error, error)
	RemoveSnapshot(ctx context.Context, id string) error
}

// Tasks are what runs beside environments: for people, on a schedule, or until
// the server ends.
type Tasks interface {
	Go(work func(ctx context.Context)) bool
	Run(ctx context.Context, s reconcile.Session) (int, error)
	RunJob(ctx context.Context, environment, job string, tell func(platform.LogLine) error) (int, error)
}

// Config is what the service works with.
type Config struct {
	Store  *store.Store
	Source *source.Mirrors
	Work   Work
	Links  Links
	Mail   Mail
	// Platforms are by name. Platform is where environments run of projects that
	// name none: one of them, or auto.
	Platforms map[string]platform.Driver
	Platform  string
	// Suits is where a revision of a project can run whole, where nobody says.
	Suits func(ctx context.Context, p staging.Project, sha string) (string, error)
	// SignIn tries what a registry is signed in to with.
	SignIn func(ctx context.Context, host, user, password string) error
	// Stack is what a revision says an environment is made of, nil where that
	// cannot be read.
	Stack   func(ctx context.Context, p staging.Project, env staging.Environment, sha string) (*staging.Stack, error)
	Space   Space
	Upkeep  Upkeep
	Breaker upkeep.Breaker
	// Active is when an environment was last used and it is not written down
	// yet, zero for not since.
	Active  func(environment string) time.Time
	Disk    upkeep.Disk
	Key     *seal.Key
	Site    staging.Site
	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// Service implements what the API needs. It is safe for concurrent use.
type Service struct {
	Config
	measure  *measure
	presence *presence
}

// New uses that configuration.
func New(c Config) *Service {
	return &Service{Config: c, measure: newMeasure(), presence: newPresence()}
}

// fetchLimit bounds bringing a mirror up to date for a request.
const fetchLimit = 5 * time.Minute

// revision fetches, and finds the commit that a request means and the head of
// the branch.
func (s *Service) revision(ctx context.Context, p staging.Project, branch, commit string) (rev staging.Revision, head string, err error) {
	if err := s.fetch(ctx, p); err != nil {
		return rev, "", err
	}
	t, err := s.tips(ctx, p)
	if err != nil {
		return rev, "", err
	}
	at, err := t.of(branch)
	if err != nil {
		return rev, "", err
	}
	head = at.own
	if commit != "" {
		if at.own, err = s.Source.Resolve(ctx, p.Name, commit); err != nil {
			return rev, "", err
		}
	}
	rev, err = s.described(ctx, p, at)
	return rev, head, err
}

func (s *Service) event(ctx context.Context, t *store.Tx, env staging.Environment, actor, kind, message string, detail map[string]any) error {
	_, err := t.AppendEvent(ctx, staging.Event{At: s.Now(), Type: kind, Project: env.Project, Environment: env.ID, Actor: actor, Message: message, Detail: detail})
	return err
}

// live is an environment that is not on its way out.
func (s *Service) live(ctx context.Context, id string) (staging.Environment, error) {
	env, err := s.Store.Environment(ctx, id)
	if err != nil {
		return env, err
	}
	if !env.DeleteRequestedAt.IsZero() {
		return env, staging.Errorf(staging.CodeConflict, "create it again: offshoot create "+env.Branch, "environment %s is %s", env.Slug, env.Phase)
	}
	return env, nil
}

// edit changes a live environment in one transaction, lets it be worked on, and
// answers how it is then.
func (s *Service) edit(ctx context.Context, id string, change func(*store.Tx, staging.Environment) error) (wire.Environment, error) {
	own, err := s.alter(ctx, id, change)
	if err != nil {
		return wire.Environment{}, err
	}
	return s.answer(ctx, id, own)
}

// alter is edit for who needs no answer but the deployment that is under way.
func (s *Service) alter(ctx context.Context, id string, change func(*store.Tx, staging.Environment) error) (deployment string, err error) {
	err = s.Store.Write(ctx, func(t *store.Tx) error {
		env, err := t.Environment(ctx, id)
		if err != nil {
			return err
		}
		if !env.DeleteRequestedAt.IsZero() {
			return staging.Errorf(staging.CodeConflict, "create it again: offshoot create "+env.Branch, "environment %s is %s", env.Slug, env.Phase)
		}
		if err := change(t, env); err != nil {
			return err
		}
		env, err = t.Environment(ctx, id)
		deployment = env.Current
		return err
	})
	if err == nil {
		s.Work.Kick(id)
	}
	return deployment, err
}

// answer is an environment with the deployment that a request made or joined,
// also where others have asked for another one since.
func (s *Service) answer(ctx context.Context, id, own string) (wire.Environment, error) {
	v, err := s.Environment(ctx, id)
	if err != nil || own == "" || v.Deployment != nil && v.Deployment.ID == own {
		return v, err
	}
	d, err := s.Store.Deployment(ctx, own)
	w := deployment(d)
	v.Deployment, v.Failure = &w, d.Failure
	return v, err
}
