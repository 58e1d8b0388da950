package control

import (
	"context"
	"strings"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// staleAfter is how old the newest commit of a branch may be that gets an
// environment by itself. It is also how long destroyed ones are remembered:
// what was destroyed never comes back but by a push.
const staleAfter = 30 * 24 * time.Hour

// autoPattern is the pattern of the branches of a project that get an
// environment by themselves, "" for none.
func autoPattern(p staging.Project) string {
	pattern, _ := strings.CutPrefix(p.AutoCreate, "branch:")
	if pattern == p.AutoCreate {
		return ""
	}
	return pattern
}

// checkAutoCreate refuses what is no rule, and rules that need a forge.
func checkAutoCreate(rule string) error {
	pattern, isPattern := strings.CutPrefix(rule, "branch:")
	label, isLabel := strings.CutPrefix(rule, "label:")
	switch {
	case rule == "none" || isPattern && staging.IsBranchPattern(pattern):
		return nil
	case rule == "pull-request" || isLabel && label != "":
		return staging.NotBuilt("--auto-create " + rule)
	}
	return staging.Errorf(staging.CodeUsage, "none, pull-request, label:L or branch:GLOB", "--auto-create %q", rule)
}

// autoCreate makes environments of the branches that a project wants them of.
// One that was destroyed comes back when its branch is pushed again.
func (s *Service) autoCreate(ctx context.Context, p staging.Project, t tips) error {
	pattern := autoPattern(p)
	if pattern == "" {
		return nil
	}
	newest, err := s.newestOfBranches(ctx, p.Name)
	if err != nil {
		return err
	}
	for branch := range t.branches() {
		if !staging.MatchBranch(pattern, branch) {
			continue
		}
		at, err := t.of(branch)
		if err != nil {
			return err
		}
		if e, ok := newest[branch]; ok && (e.DeleteRequestedAt.IsZero() || wants(e.Desired, at)) {
			continue
		}
		if stale, err := s.stale(ctx, p, branch, at); err != nil || stale {
			if err != nil {
				return err
			}
			continue
		}
		if _, err := s.Create(ctx, "push", p.Name, wire.CreateEnvironment{Branch: branch}); err != nil {
			s.Log.Warn("create an environment by itself", "project", p.Name, "branch", branch, "error", err)
		}
	}
	return nil
}

// stale is whether nobody has worked on a branch for long, in any repository.
func (s *Service) stale(ctx context.Context, p staging.Project, branch string, at tip) (bool, error) {
	commits := []string{at.own}
	for _, j := range at.joined {
		if j.Branch == branch {
			commits = append(commits, j.ID)
		}
	}
	for _, commit := range commits {
		rev, err := s.Source.Revision(ctx, p.Name, commit)
		if err != nil {
			return false, err
		}
		if s.Now().Sub(rev.CommittedAt) <= staleAfter {
			return false, nil
		}
	}
	return true, nil
}

// newestOfBranches are the youngest environments of a project's branches, also
// destroyed ones.
func (s *Service) newestOfBranches(ctx context.Context, project string) (map[string]staging.Environment, error) {
	newest := map[string]staging.Environment{}
	for e, err := range s.Store.EveryEnvironment(ctx, store.EnvironmentFilter{Project: project, Destroyed: true}) {
		if err != nil {
			return nil, err
		}
		if known, ok := newest[e.Branch]; !ok || e.CreatedAt.After(known.CreatedAt) {
			newest[e.Branch] = e
		}
	}
	return newest, nil
}
