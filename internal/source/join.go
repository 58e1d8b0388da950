package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// The refs of a mirror beside the heads of its own repository: the heads of those
// that are joined to it, and the commits that were made of both, by the month in
// which they were last wanted.
const (
	joinedRefs = "refs/joined/"
	wholeRefs  = "refs/whole/"
	month      = "2006-01"
)

// joinedDir is where the heads of the repository joined at a folder are.
func joinedDir(folder string) string {
	sum := sha256.Sum256([]byte(folder))
	return joinedRefs + hex.EncodeToString(sum[:8]) + "/"
}

// FetchJoined brings the mirror of r.Project up to date with every branch of the
// repository that is joined to it at a folder. One that cannot be reached leaves
// what was known untouched.
func (m *Mirrors) FetchJoined(ctx context.Context, r Repository, folder string) error {
	if err := CheckRemote(r.Remote); err != nil {
		return err
	}
	dir, err := m.path(r.Project)
	if err != nil {
		return err
	}
	return m.bring(ctx, dir, r.Project, r, "+refs/heads/*:"+joinedDir(folder)+"*", "")
}

// JoinedBranches are the heads of the repository joined at a folder: short branch
// name to commit id.
func (m *Mirrors) JoinedBranches(ctx context.Context, project, folder string) (map[string]string, error) {
	return m.heads(ctx, project, joinedDir(folder))
}

// Whole is the commit that has the files of a project's own commit and, in their
// folders, those of the joined repositories, and its tree. The same always give
// the same commit. A submodule of the project's own at such a folder gives way,
// files do not.
func (m *Mirrors) Whole(ctx context.Context, project, own string, joined []staging.JoinedRevision) (commit, tree string, err error) {
	dir, err := m.path(project)
	if err != nil {
		return "", "", err
	}
	key := sha256.New()
	_, _ = fmt.Fprintln(key, own)
	for _, j := range joined {
		_, _ = fmt.Fprintln(key, j.ID, j.Folder)
	}
	ref := wholeRefs + time.Now().UTC().Format(month) + "/" + hex.EncodeToString(key.Sum(nil))
	out, err := m.run(ctx, dir, nil, "for-each-ref", "--format=%(objectname) %(tree)", ref)
	if known := strings.Fields(string(out)); err != nil || len(known) == 2 {
		return strings.Join(known[:min(1, len(known))], ""), strings.Join(known[min(1, len(known)):], ""), err
	}
	if tree, err = m.joinTrees(ctx, dir, own, joined); err != nil {
		return "", "", err
	}
	args := []string{"commit-tree", tree, "-m", "Joined", "-p", own}
	for _, j := range joined {
		args = append(args, "-p", j.ID)
	}
	const nobody, then = "offshoot", "@0 +0000"
	out, err = m.run(ctx, dir, []string{"GIT_AUTHOR_NAME=" + nobody, "GIT_AUTHOR_EMAIL=" + nobody, "GIT_AUTHOR_DATE=" + then,
		"GIT_COMMITTER_NAME=" + nobody, "GIT_COMMITTER_EMAIL=" + nobody, "GIT_COMMITTER_DATE=" + then}, args...)
	if err != nil {
		return "", "", err
	}
	commit = lastLine(string(out))
	_, err = m.run(ctx, dir, nil, "update-ref", ref, commit)
	return commit, tree, err
}

// joinTrees writes the tree with all files.
func (m *Mirrors) joinTrees(ctx context.Context, mirror, own string, joined []staging.JoinedRevision) (string, error) {
	parent := filepath.Join(m.dir, credentialDir) // cleared where a killed server left something
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(parent, "")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(tmp, "index"), "GIT_DIR=" + mirror, "GIT_WORK_TREE=" + tmp}
	if _, err := m.run(ctx, tmp, index, "read-tree", "--end-of-options", own); err != nil {
		return "", err
	}
	for _, j := range joined {
		if err := m.makeRoom(ctx, tmp, index, j.Folder); err != nil {
			return "", err
		}
		if _, err := m.run(ctx, tmp, index, "read-tree", "--prefix="+j.Folder+"/", "--end-of-options", j.ID); err != nil {
			return "", fmt.Errorf("join at %s: %w", j.Folder, err)
		}
	}
	out, err := m.run(ctx, tmp, index, "write-tree")
	return lastLine(string(out)), err
}

// makeRoom sees that the project's own commit has nothing at a folder, a submodule
// excepted, which it takes away.
func (m *Mirrors) makeRoom(ctx context.Context, tmp string, index []string, folder string) error {
	// Each folder on the way may be a file.
	paths := []string{":(literal)" + folder}
	for at := filepath.Dir(folder); at != "."; at = filepath.Dir(at) {
		paths = append(paths, ":(literal)"+at)
	}
	out, err := m.run(ctx, tmp, index, append([]string{"ls-files", "--stage", "-z", "--"}, paths...)...)
	if err != nil {
		return err
	}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		about, at, _ := strings.Cut(entry, "\t")
		submodule := strings.HasPrefix(about, "160000 ")
		switch {
		case at == folder && submodule:
			if _, err := m.run(ctx, tmp, index, "update-index", "--force-remove", "--", folder); err != nil {
				return err
			}
		case at == folder || strings.HasPrefix(at, folder+"/") || at != "" && strings.HasPrefix(folder, at+"/"):
			return staging.Errorf(staging.ClassCode(staging.ClassSource), "join it at another folder: offshoot project set --join FOLDER=REPOSITORY",
				"the repository has %s itself, where another one is joined to it at %s", at, folder)
		}
	}
	return nil
}

// ForgetJoined drops the heads of repositories that are joined no more.
func (m *Mirrors) ForgetJoined(ctx context.Context, project string, folders []string) error {
	return m.dropRefs(ctx, project, joinedRefs, func(ref string) bool {
		return !slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(ref, joinedDir(f)) })
	})
}

// monthsKept is how long a commit that was made of several is kept once nobody
// asks for it: as long as others that no branch has (keepLost).
const monthsKept = 4

func (m *Mirrors) forgetWhole(ctx context.Context, project string) error {
	oldest := wholeRefs + time.Now().UTC().AddDate(0, -monthsKept, 0).Format(month)
	return m.dropRefs(ctx, project, wholeRefs, func(ref string) bool { return ref < oldest })
}

func (m *Mirrors) dropRefs(ctx context.Context, project, below string, drop func(ref string) bool) error {
	dir, err := m.path(project)
	if err != nil {
		return err
	}
	out, err := m.run(ctx, dir, nil, "for-each-ref", "--format=%(refname)", below)
	if err != nil {
		return err
	}
	for ref := range strings.FieldsSeq(string(out)) {
		if !drop(ref) {
			continue
		}
		if _, err := m.run(ctx, dir, nil, "update-ref", "-d", ref); err != nil {
			return err
		}
	}
	return nil
}
