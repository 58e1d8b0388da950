package control

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// Create makes an environment for a branch, or brings it to the given state:
// only what is given changes.
func (s *Service) Create(ctx context.Context, actor, project string, r wire.CreateEnvironment) (wire.Environment, error) {
	p, err := s.Store.Project(ctx, project)
	if err != nil {
		return wire.Environment{}, noProject(err)
	}
	r.Branch = strings.TrimPrefix(r.Branch, branchPrefix)
	if err := r.NotBuilt(); err != nil {
		return wire.Environment{}, err
	}
	if err := checkCreate(p, r); err != nil {
		return wire.Environment{}, err
	}
	if err := s.checkOwn(ctx, p, r.Branch, r.Env); err != nil {
		return wire.Environment{}, err
	}
	links, err := s.createLinks(ctx, p, r)
	if err != nil {
		return wire.Environment{}, err
	}
	rev, head, err := s.revision(ctx, p, r.Branch, r.Commit)
	if err != nil {
		return wire.Environment{}, err
	}
	on, err := s.platform(ctx, p, rev.Content())
	if err != nil {
		return wire.Environment{}, err
	}
	if err := s.checkImages(ctx, p, s.asOf(ctx, p, r.Branch, on), rev.Content(), r.Images); err != nil {
		return wire.Environment{}, err
	}
	var id, own string
	var rehearsed rehearsal
	err = s.Store.Write(ctx, func(t *store.Tx) error {
		env, fresh, err := s.find(ctx, t, p, r.Branch, on, actor)
		if err != nil {
			return err
		}
		id = env.ID
		want := env.Desired
		want.Revision, want.Joined, want.HeldAt, want.BorrowedBranch = rev.ID, rev.Joined, "", ""
		if r.Commit != "" {
			want.HeldAt = head
		}
		want.Env, want.Links = merged(want.Env, r.Env), relinked(want.Links, links)
		want.Images = s.given(want.Images, r.Images, rev.ID)
		if r.Size != "" {
			want.Size = r.Size
		}
		if want.Snapshot, err = chosenSnapshot(ctx, t, env, fresh, r.Snapshot); err != nil {
			return err
		}
		env.Pinned = env.Pinned || r.Pin || env.Kind == staging.KindShared
		if r.TTLSeconds > 0 {
			env.TTL = time.Duration(r.TTLSeconds) * time.Second
		}
		env.LastActivityAt = s.Now()
		err = s.want(ctx, t, env, want, rev, request{cause: "create", actor: actor, retry: true})
		if err == nil && r.DryRun {
			err = rehearsed.note(ctx, t, env, fresh, rev)
		}
		if err == nil {
			env, err = t.Environment(ctx, id)
			own = env.Current
		}
		return err
	})
	if errors.Is(err, errRehearsed) {
		return s.shown(ctx, rehearsed)
	}
	if err != nil {
		return wire.Environment{}, err
	}
	s.Links.Forget()
	s.Work.Kick(id)
	return s.answer(ctx, id, own)
}

// checkCreate refuses what no state of the environment could make right.
func checkCreate(p staging.Project, r wire.CreateEnvironment) error {
	switch {
	case r.Branch == "":
		return staging.Errorf(staging.CodeUsage, "name a branch", "no branch is given")
	case r.Branch == p.StagingBranch && r.TTLSeconds > 0:
		return staging.Refused("leave out --ttl", "the shared environment never expires")
	case r.TTLSeconds < 0:
		return staging.Errorf(staging.CodeUsage, "for example 72h", "a ttl must be positive")
	}
	return checkSize(r.Size)
}

// createLinks are the environments that the request's links mean. A new
// environment has no stack yet that could say which project a name is of; the
// shared one's says it for most.
func (s *Service) createLinks(ctx context.Context, p staging.Project, r wire.CreateEnvironment) (map[string]string, error) {
	var known []staging.Link
	for _, branch := range []string{r.Branch, p.StagingBranch} {
		if len(r.Links) == 0 || known != nil {
			break
		}
		env, err := s.Store.EnvironmentByBranch(ctx, p.Name, branch)
		if err == nil {
			known, err = s.links(ctx, env)
		}
		if err != nil && staging.CodeOf(err) != staging.CodeNotFound {
			return nil, err
		}
	}
	return s.linkTargets(ctx, known, r.Links)
}

// chosenSnapshot is where the data comes from: what was asked for first stays,
// since data that is there is changed by a reset alone.
func chosenSnapshot(ctx context.Context, t *store.Tx, env staging.Environment, fresh bool, asked string) (string, error) {
	had := env.Desired.Snapshot
	if asked == "" || asked == had || asked == "latest" && had == "" {
		return had, nil
	}
	current, err := latest(ctx, t, env)
	if err != nil {
		return "", err
	}
	dropped := env.Deployed.Deployment == "" && current != nil && current.Outcome == staging.OutcomeFailed
	if !fresh && !dropped && isFrom(env.Data, asked) {
		return had, nil
	}
	if !fresh && !dropped {
		return "", staging.Refused("offshoot data reset "+env.Slug+" --snapshot "+asked, "%s has data already", env.Slug)
	}
	if asked == "latest" || asked == "none" {
		return asked, nil
	}
	x, err := t.Snapshot(ctx, asked)
	if err != nil || x.Project != env.Project || x.State != staging.SnapshotReady {
		return "", staging.NotFound("offshoot snapshot ls", "there is no snapshot %q that is ready", asked)
	}
	return asked, nil
}

// isFrom is whether data that is there came from a snapshot, or from "none".
func isFrom(data []staging.DataOrigin, snapshot string) bool {
	var from []string
	for _, d := range data {
		if d.Snapshot != "" && !slices.Contains(from, d.Snapshot) {
			from = append(from, d.Snapshot)
		}
	}
	return len(data) > 0 && (len(from) == 0 && snapshot == "none" || len(from) == 1 && from[0] == snapshot)
}

// find is the branch's environment, or a new one on that platform that waits for
// an older one of the same name to be gone.
func (s *Service) find(ctx context.Context, t *store.Tx, p staging.Project, branch, on, actor string) (env staging.Environment, fresh bool, err error) {
	old, err := t.EnvironmentByBranch(ctx, p.Name, branch)
	if err == nil && old.DeleteRequestedAt.IsZero() {
		return old, false, nil
	}
	if err != nil && staging.CodeOf(err) != staging.CodeNotFound {
		return env, false, err
	}
	if err := room(ctx, t, p, branch); err != nil {
		return env, false, err
	}
	if err := decided(ctx, t, p.Name, on); err != nil {
		return env, false, err
	}
	env = staging.Environment{ID: staging.NewID(staging.EnvironmentPrefix), Project: p.Name, Branch: branch, Ref: "refs/heads/" + branch,
		Kind: staging.KindBranch, Platform: on, Phase: staging.PhaseQueued, CreatedAt: s.Now(), CreatedBy: actor, Awake: true,
		LastActivityAt: s.Now()}
	if branch == p.StagingBranch {
		env.Kind, env.Pinned = staging.KindShared, true
	}
	env.Slug = old.Slug
	if env.After, err = before(ctx, t, old); err != nil {
		return env, false, err
	}
	if env.Slug == "" {
		env.Slug = staging.Slug(branch, p.Name, func(slug string) bool {
			_, err := t.EnvironmentBySlug(ctx, p.Name, slug)
			return err == nil
		})
	}
	if err := t.PutEnvironment(ctx, env); err != nil {
		return env, false, err
	}
	return env, true, s.event(ctx, t, env, actor, "environment.created", branch+" was created", map[string]any{"slug": env.Slug, "kind": env.Kind})
}

// before is whom a new environment waits for: the one that is going, or, where
// that never began because it waited itself, the one that it waited for.
func before(ctx context.Context, t *store.Tx, going staging.Environment) (string, error) {
	for going.After != "" {
		first, err := t.Environment(ctx, going.After)
		if staging.CodeOf(err) == staging.CodeNotFound || err == nil && first.Phase == staging.PhaseDestroyed {
			break
		}
		if err != nil {
			return "", err
		}
		going = first
	}
	return going.ID, nil
}

// room refuses another environment where the project's limit is reached; what
// exists is never held back by it.
func room(ctx context.Context, t *store.Tx, p staging.Project, branch string) error {
	if p.Policy.MaxEnvironments <= 0 || branch == p.StagingBranch {
		return nil
	}
	n := 0
	for e, err := range t.EveryEnvironment(ctx, store.EnvironmentFilter{Project: p.Name}) {
		if err != nil {
			return err
		}
		if e.Kind != staging.KindShared && e.DeleteRequestedAt.IsZero() {
			n++
		}
	}
	if n >= p.Policy.MaxEnvironments {
		return staging.Errorf(staging.CodeLimit, "destroy one that is not needed: offshoot ls", "project %s has %d environments, and may have %d", p.Name, n, p.Policy.MaxEnvironments)
	}
	return nil
}
