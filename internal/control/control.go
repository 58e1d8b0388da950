// Package control is what people and programs ask of the server: it checks a
// request, writes what is wanted into the store, and lets reconcile know.
//
// It makes and deletes nothing itself.
package control

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/reconcile"
	"offshoot/internal/redact"
	"offshoot/internal/seal"
	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// Work is how reconcile is told of changes.
type Work interface {
	Kick(environment string)
	Redactor(ctx context.Context, environment string) *redact.Redactor
	BeginSnapshot(ctx context.Context, environment, actor string, automatic bool) (staging.Snapshot, func(context.Context) error, error)
	RemoveSnapshot(ctx context.Context, id string) error
	Go(work func(ctx context.Context))
	Run(ctx context.Context, s reconcile.Session) (int, error)
}

// Config is what the service works with.
type Config struct {
	Store    *store.Store
	Source   *source.Mirrors
	Work     Work
	Platform platform.Driver
	Space    Space
	Key      *seal.Key
	Site     staging.Site
	Dir      string
	Version  string
	Log      *slog.Logger
	Now      func() time.Time
}

// Service implements what the API needs. It is safe for concurrent use.
type Service struct {
	Config
	measure *measure
}

// New uses that configuration.
func New(c Config) *Service { return &Service{Config: c, measure: newMeasure()} }

// fetchLimit bounds bringing a mirror up to date for a request.
const fetchLimit = 5 * time.Minute

// history is how many deployments a request looks back on.
const history = 20

var steps = []staging.StepName{staging.StepCheckout, staging.StepManifest, staging.StepBuild, staging.StepData, staging.StepRelease,
	staging.StepStart, staging.StepHealth, staging.StepRoute}

// head fetches and finds the revision that a request means.
func (s *Service) head(ctx context.Context, p staging.Project, branch, commit string) (staging.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	if err := s.Source.Fetch(ctx, source.Repository{Project: p.Name, Remote: p.Repo}); err != nil {
		return staging.Revision{}, err
	}
	sha, err := s.Source.Head(ctx, p.Name, branch)
	if err != nil {
		return staging.Revision{}, err
	}
	if commit != "" {
		if sha, err = s.Source.Resolve(ctx, p.Name, commit); err != nil {
			return staging.Revision{}, err
		}
	}
	return s.Source.Revision(ctx, p.Name, sha)
}

// Create makes an environment for a branch, or brings it to the given state.
func (s *Service) Create(ctx context.Context, actor, project string, r wire.CreateEnvironment) (wire.Environment, error) {
	p, err := s.Store.Project(ctx, project)
	if err != nil {
		return wire.Environment{}, noProject(err)
	}
	if r.Branch == "" {
		return wire.Environment{}, staging.Errorf(staging.CodeUsage, "name a branch", "no branch is given")
	}
	if r.Branch == p.StagingBranch && r.TTLSeconds > 0 {
		return wire.Environment{}, staging.Refused("leave out --ttl", "the shared environment never expires")
	}
	if err := s.checkOwn(ctx, p, r.Branch, r.Env); err != nil {
		return wire.Environment{}, err
	}
	rev, err := s.head(ctx, p, r.Branch, r.Commit)
	if err != nil {
		return wire.Environment{}, err
	}
	var id string
	err = s.Store.Write(ctx, func(t *store.Tx) error {
		env, fresh, err := s.find(ctx, t, p, r.Branch, actor)
		if err != nil {
			return err
		}
		id = env.ID
		want := env.Desired
		want.Revision, want.Held, want.BorrowedBranch = rev.ID, r.Commit != "", ""
		want.Env = merged(want.Env, r.Env)
		if r.Size != "" {
			want.Size = r.Size
		}
		if r.Snapshot != "" {
			if !fresh && r.Snapshot != want.Snapshot {
				return staging.Refused("offshoot data reset "+env.Slug+" --snapshot "+r.Snapshot, "the environment has data already")
			}
			want.Snapshot = r.Snapshot
		}
		env.Pinned = env.Pinned || r.Pin || env.Kind == staging.KindShared
		if r.TTLSeconds > 0 {
			env.TTL = time.Duration(r.TTLSeconds) * time.Second
		}
		env.LastActivityAt = s.Now()
		return s.want(ctx, t, env, want, rev, request{cause: "create", actor: actor, retry: true})
	})
	if err != nil {
		return wire.Environment{}, err
	}
	s.Work.Kick(id)
	return s.Environment(ctx, id)
}

// find is the branch's environment, or a new one that waits for an older one
// of the same name to be gone.
func (s *Service) find(ctx context.Context, t *store.Tx, p staging.Project, branch, actor string) (env staging.Environment, fresh bool, err error) {
	env, err = t.EnvironmentByBranch(ctx, p.Name, branch)
	if err == nil && env.DeleteRequestedAt.IsZero() {
		return env, false, nil
	}
	if err != nil && staging.CodeOf(err) != staging.CodeNotFound {
		return env, false, err
	}
	old := env
	env = staging.Environment{ID: staging.NewID(staging.EnvironmentPrefix), Project: p.Name, Branch: branch, Ref: "refs/heads/" + branch,
		Kind: staging.KindBranch, Platform: s.Platform.Traits().Name, Phase: staging.PhaseQueued, CreatedAt: s.Now(), CreatedBy: actor, Awake: true,
		LastActivityAt: s.Now()}
	if branch == p.StagingBranch {
		env.Kind, env.Pinned = staging.KindShared, true
	}
	env.After, env.Slug = old.ID, old.Slug
	if env.Slug == "" {
		env.Slug = staging.Slug(branch, p.Name, func(slug string) bool {
			_, err := t.EnvironmentBySlug(ctx, p.Name, slug)
			return err == nil
		})
	}
	return env, true, t.PutEnvironment(ctx, env)
}

// request is who asks for a deployment and how.
type request struct {
	cause, actor string
	// force repeats what serves; retry repeats what failed.
	force, retry bool
}

// want sets the desired state, and makes a deployment where that is not what
// serves or is being brought already.
func (s *Service) want(ctx context.Context, t *store.Tx, env staging.Environment, want staging.Desired, rev staging.Revision, r request) error {
	current, err := latest(ctx, t, env)
	if err != nil {
		return err
	}
	same := hash(want) == hash(env.Desired) && current != nil
	env.Desired = want
	if same && !r.force {
		running := current.Outcome == staging.OutcomeRunning && current.Failure == nil
		serves := current.Outcome == staging.OutcomeSucceeded && env.Deployed.Deployment == current.ID
		if running || serves || !r.retry {
			return t.PutEnvironment(ctx, env)
		}
	}
	env.Generation++
	dep := staging.Deployment{ID: staging.NewID(staging.DeploymentPrefix), Environment: env.ID, Generation: env.Generation, Revision: rev, Options: want,
		Force: r.force, Cause: r.cause, Actor: r.actor, Outcome: staging.OutcomeRunning, StartedAt: s.Now()}
	for _, name := range steps {
		dep.Steps = append(dep.Steps, staging.Step{Name: name, State: staging.StepPending})
	}
	env.Current, env.Awake, env.Reason = dep.ID, true, ""
	if err := t.PutEnvironment(ctx, env); err != nil {
		return err
	}
	if err := t.PutDeployment(ctx, dep); err != nil {
		return err
	}
	return s.event(ctx, t, env, r.actor, "deployment.created", r.cause+" of "+rev.ID[:min(10, len(rev.ID))], map[string]any{"deployment": dep.ID})
}

func latest(ctx context.Context, t *store.Tx, env staging.Environment) (*staging.Deployment, error) {
	if env.Current == "" {
		return nil, nil
	}
	d, err := t.Deployment(ctx, env.Current)
	return &d, err
}

func (s *Service) event(ctx context.Context, t *store.Tx, env staging.Environment, actor, kind, message string, detail map[string]any) error {
	_, err := t.AppendEvent(ctx, staging.Event{At: s.Now(), Type: kind, Project: env.Project, Environment: env.ID, Actor: actor, Message: message, Detail: detail})
	return err
}

// Deploy brings the newest or given revision into an existing environment.
func (s *Service) Deploy(ctx context.Context, actor, id string, r wire.Deploy) (wire.Environment, error) {
	env, err := s.live(ctx, id)
	if err != nil {
		return wire.Environment{}, err
	}
	p, err := s.Store.Project(ctx, env.Project)
	if err != nil {
		return wire.Environment{}, err
	}
	branch := env.Branch
	if r.Branch != "" && r.Branch != branch {
		if env.Kind != staging.KindShared {
			return wire.Environment{}, staging.Refused("only shared staging takes another branch", "%s is not the shared environment", env.Slug)
		}
		branch = r.Branch
	}
	rev, err := s.head(ctx, p, branch, r.Commit)
	if err != nil {
		return wire.Environment{}, err
	}
	return s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		want := env.Desired
		want.Revision, want.Held, want.BorrowedBranch = rev.ID, r.Commit != "" || branch != env.Branch, ""
		if branch != env.Branch {
			want.BorrowedBranch = branch
		}
		env.LastActivityAt = s.Now()
		return s.want(ctx, t, env, want, rev, request{cause: "deploy", actor: actor, force: r.Force, retry: true})
	})
}

// SetVariables changes an environment's own variables: a deployment without a
// build.
func (s *Service) SetVariables(ctx context.Context, actor, id string, r wire.Variables) (wire.Environment, error) {
	env, err := s.live(ctx, id)
	if err != nil {
		return wire.Environment{}, err
	}
	p, err := s.Store.Project(ctx, env.Project)
	if err != nil {
		return wire.Environment{}, err
	}
	if err := s.checkOwn(ctx, p, env.Branch, r.Set); err != nil {
		return wire.Environment{}, err
	}
	return s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		want := env.Desired
		want.Env = merged(want.Env, r.Set)
		for _, k := range r.Unset {
			delete(want.Env, k)
		}
		current, err := latest(ctx, t, env)
		if err != nil || current == nil {
			return errors.Join(err, t.PutEnvironment(ctx, env))
		}
		env.LastActivityAt = s.Now()
		return s.want(ctx, t, env, want, current.Revision, request{cause: "env set", actor: actor})
	})
}

func merged(a, b map[string]string) map[string]string {
	m := map[string]string{}
	for _, from := range []map[string]string{a, b} {
		for k, v := range from {
			m[k] = v
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
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

// edit changes a live environment in one transaction and lets it be worked on.
func (s *Service) edit(ctx context.Context, id string, change func(*store.Tx, staging.Environment) error) (wire.Environment, error) {
	err := s.Store.Write(ctx, func(t *store.Tx) error {
		env, err := t.Environment(ctx, id)
		if err != nil {
			return err
		}
		if !env.DeleteRequestedAt.IsZero() {
			return staging.Errorf(staging.CodeConflict, "create it again: offshoot create "+env.Branch, "environment %s is %s", env.Slug, env.Phase)
		}
		return change(t, env)
	})
	if err != nil {
		return wire.Environment{}, err
	}
	s.Work.Kick(id)
	return s.Environment(ctx, id)
}

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
		env.DeleteRequestedAt, env.DeleteCause, env.Phase = s.Now(), "asked for by "+actor, staging.PhaseDestroying
		if err := t.PutEnvironment(ctx, env); err != nil {
			return err
		}
		return s.event(ctx, t, env, actor, "environment.destroying", env.Branch+" is being destroyed", nil)
	})
	if err != nil {
		return wire.Environment{}, err
	}
	s.Work.Kick(id)
	// A successor that waits for this one looks again when it is gone.
	return s.Environment(ctx, id)
}

// Act does one of the small things to an environment.
func (s *Service) Act(ctx context.Context, actor, id, action string, seconds int64) (wire.Environment, error) {
	return s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		now := s.Now()
		switch action {
		case "sleep":
			if d, err := latest(ctx, t, env); err != nil || d != nil && d.Outcome == staging.OutcomeRunning {
				return errors.Join(err, staging.Errorf(staging.CodeConflict, "offshoot wait "+env.Slug, "a deployment runs; sleep waits for it to end"))
			}
			env.Awake = false
		case "wake":
			env.Awake, env.LastActivityAt = true, now
		case "pin":
			env.Pinned, env.LastActivityAt = true, now
		case "unpin":
			if env.Kind == staging.KindShared {
				return staging.Refused("", "the shared environment is always pinned")
			}
			env.Pinned, env.LastActivityAt = false, now
		case "extend":
			if seconds <= 0 {
				return staging.Errorf(staging.CodeUsage, "give a duration such as 24h", "extend by nothing")
			}
			env.ExtendedTo, env.LastActivityAt, env.WarnedAt = now.Add(time.Duration(seconds)*time.Second), now, time.Time{}
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
		env.Awake, env.LastActivityAt, env.Phase = true, s.Now(), staging.PhaseWaking
		if err := t.PutEnvironment(ctx, env); err != nil {
			return err
		}
		return s.event(ctx, t, env, "edge", "environment.waking", env.Branch+" is woken by a request", nil)
	})
	s.Work.Kick(id)
	return err
}
