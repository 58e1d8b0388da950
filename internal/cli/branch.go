package cli

import (
	"bufio"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"offshoot/internal/apiclient"
	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// branchOf is the branch that create and deploy are about: the named one, else
// the checkout's.
func branchOf(ctx context.Context, args []string) (string, error) {
	if len(args) == 0 || args[0] == "." {
		if branch := currentBranch(ctx, "."); branch != "" {
			return branch, nil
		}
		return "", onNoBranch(ctx, staging.CodeUsage)
	}
	if rest, ok := strings.CutPrefix(args[0], "pr:"); ok && strings.Trim(rest, "0123456789") == "" {
		return "", staging.NotBuilt("naming a pull request (" + args[0] + ")")
	}
	return args[0], nil
}

// createProject is the checkout's project, added where a person says so.
func (s *stdio) createProject(ctx context.Context, c *apiclient.Client, yes bool) (string, error) {
	name, err := s.guessProject(ctx, c)
	if err != nil || name != "" {
		return name, err
	}
	r := guessAdd(ctx, ".")
	if r.Repo == "" {
		return s.needProject(ctx, c)
	}
	if !yes {
		yes, err = s.agrees(ctx, fmt.Sprintf("This checkout is no project yet. Add it as %s from %s?", r.Name, r.Repo))
	}
	if err != nil {
		return "", err
	}
	if !yes {
		return "", staging.NotFound("offshoot create --yes adds it as "+r.Name+" from "+r.Repo, "this checkout is no project yet")
	}
	p, err := c.AddProject(ctx, r)
	if err == nil && !s.quiet {
		_, _ = fmt.Fprintf(s.err, "added %s from %s (default branch %s, staging branch %s)\n", p.Name, p.Repo, p.DefaultBranch, p.StagingBranch)
	}
	return p.Name, err
}

// agrees asks a person; without one on a terminal the answer is no.
func (s *stdio) agrees(ctx context.Context, question string) (bool, error) {
	if !s.asks() {
		return false, nil
	}
	_, _ = fmt.Fprintf(s.err, "%s [y/N] ", question)
	answer, err := s.replied(ctx, func() (string, error) {
		text, _ := bufio.NewReader(s.in).ReadString('\n') // its end is no
		return strings.ToLower(strings.TrimSpace(text)), nil
	})
	return answer == "y" || answer == "yes", err
}

// unpushed explains a branch that the project's repository does not have but
// this checkout has.
func unpushed(ctx context.Context, c *apiclient.Client, project, branch string, err error) error {
	if staging.CodeOf(err) != staging.CodeNotFound || git(ctx, "rev-parse", "--verify", "--quiet", "refs/heads/"+branch) == "" {
		return err
	}
	p, lost := c.Project(ctx, project)
	folder := here(ctx)
	if lost != nil || !folder.of(p.Repo) || sameRepository(p.Repo, folder.top) || sameRepository(p.Repo, folder.common) {
		return err
	}
	return staging.NotFound("git push -u "+folder.remote(ctx, p.Repo)+" "+branch, "the branch %s is only in this checkout; the repository of %s does not have it", branch, project)
}

// remote is the checkout's name for a repository.
func (c checkout) remote(ctx context.Context, repo string) string {
	for name := range strings.FieldsSeq(git(ctx, "remote")) {
		if sameRepository(git(ctx, "remote", "get-url", name), repo) {
			return name
		}
	}
	return "origin"
}

// onNoBranch says why a folder has no current branch.
func onNoBranch(ctx context.Context, code staging.Code) error {
	if head := git(ctx, "rev-parse", "--verify", "--quiet", "HEAD"); head != "" {
		return staging.Errorf(code, "git switch BRANCH, or name one", "this checkout is at %s, on no branch", human.Revision(head))
	}
	return staging.Errorf(code, "name a branch", "this folder is no checkout of a branch")
}

// noteUnpushed says that the checkout has what is not deployed, which is easily
// forgotten: changes without a commit, commits without a push.
func (s *stdio) noteUnpushed(ctx context.Context, v wire.Environment, commit string) {
	if s.quiet || commit != "" || currentBranch(ctx, ".") != v.Branch {
		return
	}
	known := git(ctx, "rev-parse", "--verify", "--quiet", v.Revision.Desired+"^{commit}") != "" // else it is another repository's
	if known && git(ctx, "status", "--porcelain", "--untracked-files=no") != "" {
		_, _ = fmt.Fprintln(s.err, "note: changes that are not committed are not deployed")
	}
	if head := git(ctx, "rev-parse", "HEAD"); head != "" && head != v.Revision.Desired && git(ctx, "merge-base", v.Revision.Desired, head) == v.Revision.Desired {
		_, _ = fmt.Fprintf(s.err, "note: this checkout is at %s, which is not pushed; %s is deployed\n", human.Revision(head), human.Revision(v.Revision.Desired))
	}
}

// rehearsed shows what create would do.
func (s *stdio) rehearsed(v wire.Environment) error {
	if s.json {
		s.object(v)
		return nil
	}
	_, _ = fmt.Fprintln(s.err, v.Reason)
	_, err := fmt.Fprintln(s.out, v.URL)
	return err
}

// target is the environment that a branch is deployed to: its own, or shared
// staging. Another name of an environment counts where none has that branch,
// unless exact: what CI says of one branch never reaches another's.
func (s *stdio) target(ctx context.Context, c *apiclient.Client, branch, into string, exact bool) (wire.Environment, error) {
	project, err := s.guessProject(ctx, c)
	if err != nil {
		return wire.Environment{}, err
	}
	if project == "" {
		return s.environment(ctx, c, first(into, branch))
	}
	own := branch
	if into != "" {
		p, err := c.Project(ctx, project)
		if err != nil {
			return wire.Environment{}, err
		}
		own = p.StagingBranch
	}
	v, err := c.Resolve(ctx, project, branchPrefix+own)
	if staging.CodeOf(err) == staging.CodeNotFound && into == "" && !exact {
		return s.environment(ctx, c, branch)
	}
	return v, err
}

// nothingToDeployTo is the end of a deploy without an environment. A project
// that does not exist is an error in any case.
func (s *stdio) nothingToDeployTo(ctx context.Context, c *apiclient.Client, name string, ifExists bool) error {
	if s.project != "" {
		if _, err := c.Project(ctx, s.project); err != nil {
			return err
		}
	}
	if !ifExists {
		return staging.NotFound("offshoot create "+name+" makes one", "there is no environment of %s", name)
	}
	if s.json {
		s.object(map[string]any{"environment": nil, "message": "no environment of " + name + ": nothing to do"})
		return nil
	}
	_, err := fmt.Fprintf(s.out, "no environment of %s: nothing to do\n", name)
	return err
}

// abs is a path as the server needs it.
func abs(path string) (string, error) {
	if strings.Contains(path, ":") {
		return path, nil // an address
	}
	return filepath.Abs(path)
}
