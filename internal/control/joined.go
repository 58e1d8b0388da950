package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"offshoot/internal/source"
	"offshoot/internal/staging"
)

// tips are the heads of a project's branches, in its own repository and in each
// that is joined to it: short branch name to commit id.
type tips struct {
	project staging.Project
	own     map[string]string
	joined  []map[string]string
}

func (s *Service) tips(ctx context.Context, p staging.Project) (t tips, err error) {
	t.project = p
	if t.own, err = s.Source.Branches(ctx, p.Name); err != nil {
		return t, err
	}
	for _, j := range p.Policy.Joined {
		heads, err := s.Source.JoinedBranches(ctx, p.Name, j.Folder)
		if err != nil {
			return t, err
		}
		t.joined = append(t.joined, heads)
	}
	return t, nil
}

// has is whether any of the repositories has a branch.
func (t tips) has(branch string) bool {
	_, ok := t.own[branch]
	return ok || slices.ContainsFunc(t.joined, func(heads map[string]string) bool { return heads[branch] != "" })
}

// branches are those that any of the repositories has.
func (t tips) branches() map[string]bool {
	all := map[string]bool{}
	for _, heads := range append(slices.Clone(t.joined), t.own) {
		for branch := range heads {
			all[branch] = true
		}
	}
	return all
}

// tip is what an environment of a branch runs: the branch in each repository that
// has it, what shared staging runs of the others.
type tip struct {
	own    string
	joined []staging.JoinedRevision
}

func (t tips) of(branch string) (tip, error) {
	if !t.has(branch) {
		if len(t.own) == 0 {
			return tip{}, staging.NotFound("commit and push something first", "the repository of %s has no commit yet", t.project.Name)
		}
		return tip{}, staging.NotFound("push it first: git push origin BRANCH", "project %s has no branch %q", t.project.Name, branch)
	}
	own, ok := t.own[branch]
	if !ok {
		if own, ok = t.own[t.project.StagingBranch]; !ok {
			return tip{}, staging.NotFound("push it there too, or set another --staging-branch", "the repository of %s has neither %q nor the staging branch %q", t.project.Name, branch, t.project.StagingBranch)
		}
	}
	joined, err := t.beside(branch)
	return tip{own, joined}, err
}

// beside are the revisions of the joined repositories for a branch.
func (t tips) beside(branch string) ([]staging.JoinedRevision, error) {
	var list []staging.JoinedRevision
	for i, j := range t.project.Policy.Joined {
		name := branch
		if t.joined[i][name] == "" {
			if name = instead(t.project, j, t.joined[i]); t.joined[i][name] == "" {
				return nil, staging.NotFound("say which: offshoot project set "+t.project.Name+" --join "+j.Folder+"="+j.Repo+"#BRANCH",
					"the repository joined at %s has neither %q nor %q", j.Folder, branch, cmp.Or(name, "main"))
			}
		}
		list = append(list, staging.JoinedRevision{Folder: j.Folder, Branch: name, ID: t.joined[i][name]})
	}
	return list, nil
}

// instead is the branch of a joined repository for shared staging, and for what it
// has no branch of.
func instead(p staging.Project, j staging.Joined, heads map[string]string) string {
	if j.Branch != "" {
		return j.Branch
	}
	guess := staging.Project{}
	if heads[p.StagingBranch] != "" {
		return p.StagingBranch
	}
	guessBranches(&guess, heads)
	return guess.DefaultBranch
}

// head is the own commit that an environment of a branch runs.
func (s *Service) head(ctx context.Context, p staging.Project, branch string) (string, error) {
	t, err := s.tips(ctx, p)
	if err != nil {
		return "", err
	}
	at, err := t.of(branch)
	return at.own, err
}

// described is a revision as it is deployed.
func (s *Service) described(ctx context.Context, p staging.Project, at tip) (staging.Revision, error) {
	rev, err := s.Source.Revision(ctx, p.Name, at.own)
	if err != nil || len(at.joined) == 0 {
		return rev, err
	}
	rev.Joined = at.joined
	rev.Whole, rev.Tree, err = s.Source.Whole(ctx, p.Name, rev.ID, at.joined)
	return rev, err
}

// wants is whether an environment was asked to be at a tip.
func wants(d staging.Desired, at tip) bool {
	return d.HeldAt == at.own || d.Revision == at.own && slices.Equal(d.Joined, at.joined)
}

// fetchJoined brings what is joined to a project up to date. The project's own
// credential opens what is on the same host.
func (s *Service) fetchJoined(ctx context.Context, p staging.Project, c *source.Credential) error {
	for _, j := range p.Policy.Joined {
		r := source.Repository{Project: p.Name, Remote: j.Repo}
		if source.SameHost(p.Repo, j.Repo) {
			r.Credential = c
		}
		if err := s.Source.FetchJoined(ctx, r, j.Folder); err != nil {
			return fmt.Errorf("joined at %s: %w", j.Folder, err)
		}
	}
	return nil
}

// maxJoined bounds the repositories joined to a project.
const maxJoined = 20

var joinedFolder = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$`)

// joins adds what entries say, FOLDER=REPO[#BRANCH], to what is joined to a
// project; without a repository one is joined no more.
func joins(had []staging.Joined, entries []string) ([]staging.Joined, error) {
	list := slices.Clone(had)
	for _, entry := range entries {
		folder, repo, ok := strings.Cut(entry, "=")
		folder = path.Clean(folder)
		if !ok || !joinedFolder.MatchString(folder) || len(folder) > 200 {
			return nil, staging.Errorf(staging.CodeUsage, "FOLDER=REPOSITORY, for example worker=https://git.example.com/worker.git#main", "%q joins nothing", entry)
		}
		repo, branch, _ := strings.Cut(repo, "#")
		list = slices.DeleteFunc(list, func(j staging.Joined) bool { return j.Folder == folder })
		if repo == "" {
			continue
		}
		if err := source.CheckRemote(repo); err != nil {
			return nil, err
		}
		for _, j := range list {
			if strings.HasPrefix(folder+"/", j.Folder+"/") || strings.HasPrefix(j.Folder+"/", folder+"/") {
				return nil, staging.Errorf(staging.CodeUsage, "join them side by side", "%s and %s lie in each other", folder, j.Folder)
			}
		}
		list = append(list, staging.Joined{Folder: folder, Repo: repo, Branch: strings.TrimPrefix(branch, branchPrefix)})
	}
	if len(list) > maxJoined {
		return nil, staging.Errorf(staging.CodeUsage, "", "%d repositories are joined, %d at most", len(list), maxJoined)
	}
	slices.SortFunc(list, func(a, b staging.Joined) int { return cmp.Compare(a.Folder, b.Folder) })
	return list, nil
}

// tryJoined fetches what is to be joined before it is, so that a wrong address or
// one without a branch to take changes nothing.
func (s *Service) tryJoined(ctx context.Context, p staging.Project) error {
	err := s.fetch(ctx, p)
	if err == nil {
		var t tips
		if t, err = s.tips(ctx, p); err == nil {
			err = s.tryTip(ctx, t)
		}
	}
	if err == nil {
		return nil
	}
	now, lost := s.Store.Project(ctx, p.Name)
	if lost != nil {
		return errors.Join(err, lost)
	}
	return errors.Join(err, s.forgetJoined(ctx, now))
}

// tryTip refuses what cannot be joined to shared staging's revision, where there is
// one.
func (s *Service) tryTip(ctx context.Context, t tips) error {
	joined, err := t.beside(t.project.StagingBranch)
	if own := t.own[t.project.StagingBranch]; err == nil && own != "" && len(joined) > 0 {
		_, _, err = s.Source.Whole(ctx, t.project.Name, own, joined)
	}
	return err
}

// forgetJoined drops the mirror of what is joined no more.
func (s *Service) forgetJoined(ctx context.Context, p staging.Project) error {
	var folders []string
	for _, j := range p.Policy.Joined {
		folders = append(folders, j.Folder)
	}
	return s.Source.ForgetJoined(ctx, p.Name, folders)
}
