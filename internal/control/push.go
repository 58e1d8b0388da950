package control

import (
	"context"
	"errors"
	"slices"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

// goneFor is how long a branch must stay deleted before its environment goes.
const goneFor = 60 * time.Second

// Sync fetches a project that has environments, or makes them by itself, and
// deploys every branch whose head is not what its environment was asked to be.
// missing remembers since when branches are gone; a listing that fails knows
// nothing and forgets it. It answers when to look again, 0 for not before
// something changes.
func (s *Service) Sync(ctx context.Context, project string, missing map[string]time.Time) (again time.Duration, err error) {
	defer func() {
		if err != nil {
			clear(missing)
		}
	}()
	p, err := s.Store.Project(ctx, project)
	if err != nil {
		return 0, err
	}
	var envs []staging.Environment
	for e, err := range s.Store.EveryEnvironment(ctx, store.EnvironmentFilter{Project: project}) {
		if err != nil {
			return 0, err
		}
		envs = append(envs, e)
	}
	if len(envs) == 0 && autoPattern(p) == "" {
		return 0, nil
	}
	if err := s.fetch(ctx, p); err != nil {
		return 0, err
	}
	t, err := s.tips(ctx, p)
	if err != nil {
		return 0, err
	}
	failed := []error{s.autoCreate(ctx, p, t)}
	for _, e := range envs {
		if !e.DeleteRequestedAt.IsZero() {
			continue
		}
		if t.has(e.Branch) {
			delete(missing, e.ID)
			failed = append(failed, s.push(ctx, p, e, t))
			continue
		}
		// An empty listing is no proof that every branch is gone.
		if len(t.own) == 0 || e.Kind == staging.KindShared || e.Pinned {
			continue
		}
		wait, err := s.missed(ctx, e, missing)
		failed = append(failed, err)
		if wait > 0 && (again == 0 || wait < again) {
			again = wait
		}
	}
	if err := errors.Join(failed...); err != nil {
		s.Log.Warn("bring branches up to date", "project", project, "error", err)
	}
	return again, nil
}

func (s *Service) missed(ctx context.Context, e staging.Environment, missing map[string]time.Time) (time.Duration, error) {
	since, ok := missing[e.ID]
	if !ok {
		missing[e.ID] = s.Now()
		return goneFor, nil
	}
	if left := goneFor - s.Now().Sub(since); left > 0 {
		return left, nil
	}
	err := s.unasked(ctx, e.ID, staging.CauseBranchDeleted, func(e staging.Environment) bool { return !e.Pinned })
	if staging.CodeOf(err) == staging.CodeLimit {
		return goneFor, nil // it waits for a person, and is looked at again
	}
	delete(missing, e.ID)
	return 0, err
}

// pushTries bounds looking again at a branch whose environment others ask for
// something meanwhile.
const pushTries = 5

// push deploys the tip of an environment's branch, unless that is what it was
// asked to be, or what it was when another revision was asked for. t was read
// after e: where somebody has asked for another revision since, that may be newer
// than the tip, and the branch is looked at again.
func (s *Service) push(ctx context.Context, p staging.Project, e staging.Environment, t tips) error {
	for range pushTries {
		at, err := t.of(e.Branch)
		if err != nil || wants(e.Desired, at) {
			return err
		}
		rev, err := s.described(ctx, p, at)
		if err != nil {
			return err
		}
		seen := e
		_, err = s.alter(ctx, e.ID, func(t *store.Tx, env staging.Environment) error {
			e = env
			if !sameTip(env.Desired, seen.Desired) {
				return nil
			}
			want := env.Desired
			want.Revision, want.Joined, want.HeldAt, want.BorrowedBranch = rev.ID, rev.Joined, "", ""
			env.LastActivityAt = s.Now()
			return s.want(ctx, t, env, want, rev, request{cause: "push", actor: "push"})
		})
		if staging.CodeOf(err) == staging.CodeConflict {
			return nil // it is being destroyed
		}
		if err != nil || sameTip(e.Desired, seen.Desired) {
			return err
		}
		if t, err = s.tips(ctx, p); err != nil || !t.has(e.Branch) {
			return err // deleted meanwhile: the next listing says so
		}
	}
	return nil // the next listing looks again
}

// sameTip is whether an environment was asked to be at the same revision.
func sameTip(a, b staging.Desired) bool {
	return a.Revision == b.Revision && a.HeldAt == b.HeldAt && slices.Equal(a.Joined, b.Joined)
}
