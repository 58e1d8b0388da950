package source

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/staging"
)

var hexName = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

// Branches are the heads of the mirror: short branch name to commit id.
func (m *Mirrors) Branches(ctx context.Context, project string) (map[string]string, error) {
	return m.heads(ctx, project, "refs/heads/")
}

func (m *Mirrors) heads(ctx context.Context, project, below string) (map[string]string, error) {
	dir, err := m.path(project)
	if err != nil {
		return nil, err
	}
	out, err := m.run(ctx, dir, nil, "for-each-ref", "--format=%(objectname) %(refname)", below)
	if err != nil {
		return nil, fmt.Errorf("list branches of %s: %w", project, err)
	}
	heads := map[string]string{}
	for line := range strings.Lines(string(out)) {
		sha, ref, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok {
			return nil, fmt.Errorf("list branches of %s: unexpected line %q", project, line)
		}
		heads[strings.TrimPrefix(ref, below)] = sha
	}
	return heads, nil
}

// Head is the newest commit of a branch in the mirror. The name is compared,
// never interpreted: no form of it can be an option or an expression.
func (m *Mirrors) Head(ctx context.Context, project, branch string) (string, error) {
	heads, err := m.Branches(ctx, project)
	if err != nil {
		return "", err
	}
	if sha, ok := heads[branch]; ok {
		return sha, nil
	}
	if len(heads) == 0 {
		return "", staging.NotFound("commit and push something first", "the repository of %s has no commit yet", project)
	}
	return "", staging.NotFound("push it first: git push origin BRANCH", "project %s has no branch %q", project, branch)
}

// Resolve completes an abbreviated commit id.
func (m *Mirrors) Resolve(ctx context.Context, project, commit string) (string, error) {
	dir, err := m.path(project)
	if err != nil {
		return "", err
	}
	if !hexName.MatchString(commit) {
		return "", staging.Errorf(staging.CodeUsage, "give 4 or more hexadecimal digits", "%q is no commit id", commit)
	}
	out, err := m.run(ctx, dir, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{commit}")
	if err != nil {
		return "", staging.NotFound("push it first, or look at `git log`", "project %s has no commit %s", project, commit)
	}
	return lastLine(string(out)), nil
}

// Revision describes a commit as people see it.
func (m *Mirrors) Revision(ctx context.Context, project, sha string) (staging.Revision, error) {
	id, err := m.Resolve(ctx, project, sha)
	if err != nil {
		return staging.Revision{}, err
	}
	dir, err := m.path(project)
	if err != nil {
		return staging.Revision{}, err
	}
	// show would compare the whole tree with its parent's, also where nobody asks.
	out, err := m.run(ctx, dir, nil, "log", "--max-count=1", "--no-show-signature", "--format=%H%x00%T%x00%ct%x00%an%x00%s", "--end-of-options", id)
	if err != nil {
		return staging.Revision{}, fmt.Errorf("describe commit %s: %w", id, err)
	}
	parts := strings.SplitN(strings.TrimSuffix(string(out), "\n"), "\x00", 5)
	if len(parts) != 5 {
		return staging.Revision{}, fmt.Errorf("describe commit %s: unexpected answer", id)
	}
	seconds, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return staging.Revision{}, fmt.Errorf("time of commit %s: %w", id, err)
	}
	return staging.Revision{ID: parts[0], Tree: parts[1], CommittedAt: time.Unix(seconds, 0).UTC(),
		Author: strings.ToValidUTF8(parts[3], "�"), Message: strings.ToValidUTF8(parts[4], "�")}, nil
}

// Ancestor is whether commit a is b or one of those that b was made from.
func (m *Mirrors) Ancestor(ctx context.Context, project, a, b string) (bool, error) {
	dir, err := m.path(project)
	if err != nil {
		return false, err
	}
	_, err = m.run(ctx, dir, nil, "merge-base", "--is-ancestor", "--end-of-options", a, b)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	return err == nil, err
}

// Divergence counts the commits that only a has, and those that only b has.
func (m *Mirrors) Divergence(ctx context.Context, project, a, b string) (onlyA, onlyB int, err error) {
	dir, err := m.path(project)
	if err != nil {
		return 0, 0, err
	}
	out, err := m.run(ctx, dir, nil, "rev-list", "--left-right", "--count", "--end-of-options", a+"..."+b)
	if err != nil {
		return 0, 0, fmt.Errorf("compare %s with %s: %w", a, b, err)
	}
	if _, err := fmt.Sscan(string(out), &onlyA, &onlyB); err != nil {
		return 0, 0, fmt.Errorf("compare %s with %s: %w", a, b, err)
	}
	return onlyA, onlyB, nil
}

// Ahead is how far revision a is ahead of b: commits that b lacks, and files
// below those paths that only a has. It is nil where b was made from a.
func (m *Mirrors) Ahead(ctx context.Context, project, a, b string, paths []string) (*staging.Ahead, error) {
	if yes, err := m.Ancestor(ctx, project, a, b); err != nil || yes {
		return nil, err
	}
	commits, _, err := m.Divergence(ctx, project, a, b)
	if err != nil {
		return nil, err
	}
	ahead := &staging.Ahead{Revision: a, Commits: commits, Migrations: []string{}}
	if len(paths) == 0 {
		return ahead, nil
	}
	theirs, err := m.below(ctx, project, a, paths)
	if err != nil {
		return nil, err
	}
	ours, err := m.below(ctx, project, b, paths)
	if err != nil {
		return nil, err
	}
	for _, path := range theirs {
		if !slices.Contains(ours, path) {
			ahead.Migrations = append(ahead.Migrations, path)
		}
	}
	return ahead, nil
}

// below are the files of a commit that lie at or below those paths.
func (m *Mirrors) below(ctx context.Context, project, sha string, paths []string) ([]string, error) {
	all, err := m.Tracked(ctx, project, sha)
	return slices.DeleteFunc(all, func(file string) bool {
		return !slices.ContainsFunc(paths, func(p string) bool {
			p = path.Clean(p)
			return file == p || strings.HasPrefix(file, p+"/")
		})
	}), err
}

// Tracked are the paths of all files that Git tracks at a commit.
func (m *Mirrors) Tracked(ctx context.Context, project, sha string) ([]string, error) {
	dir, err := m.path(project)
	if err != nil {
		return nil, err
	}
	out, err := m.names(ctx, dir, sha)
	if err != nil {
		return nil, fmt.Errorf("list files of %s: %w", sha, err)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

// lastLine leaves away what --end-of-options echoes in older versions of git
// when rev-parse prints the option itself.
func lastLine(out string) string {
	lines := strings.Fields(out)
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}
