package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

var steps = []staging.StepName{staging.StepCheckout, staging.StepManifest, staging.StepBuild, staging.StepData, staging.StepRelease,
	staging.StepStart, staging.StepHealth, staging.StepRoute}

// request is who asks for a deployment and how.
type request struct {
	cause, actor string
	// force repeats what serves; retry repeats what failed.
	force, retry bool
}

// want sets the desired state, and makes a deployment where that is not what
// serves or is being brought already. Whether the environment sleeps does not
// change: one that is asleep sleeps again after its deployment.
func (s *Service) want(ctx context.Context, t *store.Tx, env staging.Environment, want staging.Desired, rev staging.Revision, r request) error {
	current, err := latest(ctx, t, env)
	if err != nil {
		return err
	}
	same := current != nil && hash(want.Brings()) == hash(env.Desired.Brings())
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
		Cause: r.cause, Actor: r.actor, Outcome: staging.OutcomeRunning, StartedAt: s.Now()}
	for _, name := range steps {
		dep.Steps = append(dep.Steps, staging.Step{Name: name, State: staging.StepPending})
	}
	env.Current, env.Reason = dep.ID, ""
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
	r.Branch = strings.TrimPrefix(r.Branch, branchPrefix)
	if r.Branch != "" && r.Branch != branch {
		if env.Kind != staging.KindShared {
			return wire.Environment{}, staging.Refused("only shared staging takes another branch", "%s is not the shared environment", env.Slug)
		}
		branch = r.Branch
	}
	rev, head, err := s.revision(ctx, p, branch, r.Commit)
	if err == nil && branch != env.Branch {
		head, err = s.head(ctx, p, env.Branch)
	}
	if err != nil {
		return wire.Environment{}, err
	}
	if err := s.checkImages(ctx, p, env, rev.Content(), r.Images); err != nil {
		return wire.Environment{}, err
	}
	return s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		want := env.Desired
		want.Revision, want.Joined, want.HeldAt, want.BorrowedBranch = rev.ID, rev.Joined, "", ""
		want.Images = s.given(want.Images, r.Images, rev.ID)
		if branch != env.Branch {
			want.BorrowedBranch = branch
		}
		if r.Commit != "" || want.BorrowedBranch != "" {
			want.HeldAt = head
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
		return s.want(ctx, t, env, want, current.Revision, request{cause: "env set", actor: actor, retry: true})
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

// hash tells values apart.
func hash(v any) string {
	text, _ := json.Marshal(v) // plain values only: cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
