package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"offshoot/internal/staging"
)

// Checkout writes the files of a commit to dir, which must not exist: under a
// temporary name first, so that dir is whole or absent. What is there already
// is left as it is. Submodules and LFS files stay what Git itself tracks of
// them, a link and a pointer, unless the project says otherwise.
func (m *Mirrors) Checkout(ctx context.Context, project, sha, dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("checkout: %w", err)
	}
	mirror, err := m.path(project)
	if err != nil {
		return err
	}
	id, err := m.Resolve(ctx, project, sha)
	if err != nil {
		return err
	}
	tmp := dir + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("remove what an interrupted checkout left: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return fmt.Errorf("checkout: %w", err)
	}
	err = m.writeTree(ctx, mirror, id, tmp)
	if err == nil {
		err = m.extras(ctx, project, mirror, id, tmp)
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
		hint := "see the free disk space, and whether the commit is whole: git fsck"
		if errors.Is(err, errEscapes) {
			hint = "let the link lead to a file of the repository, by a relative path"
		}
		return staging.Errorf(staging.ClassCode(staging.ClassSource), hint, "check out %s: %w", id[:min(12, len(id))], err)
	}
	return os.Rename(tmp, dir)
}

// extras adds what a project allows beyond the commit's own files.
func (m *Mirrors) extras(ctx context.Context, project, mirror, id, dir string) error {
	if m.Describe == nil {
		return nil
	}
	r, err := m.Describe(ctx, project)
	if err != nil {
		return err
	}
	if r.Submodules {
		if err := m.submodules(ctx, r, mirror, id, dir, 0); err != nil {
			return err
		}
	}
	if r.LFS {
		return m.largeFiles(ctx, r, mirror, dir)
	}
	return nil
}

// writeTree uses an index of its own, so that checkouts of one mirror do not
// wait for each other.
func (m *Mirrors) writeTree(ctx context.Context, mirror, id, tmp string) error {
	index := []string{"GIT_INDEX_FILE=" + tmp + ".index", "GIT_DIR=" + mirror, "GIT_WORK_TREE=" + tmp}
	defer func() { _ = os.Remove(tmp + ".index") }()
	if _, err := m.run(ctx, tmp, index, "read-tree", "--end-of-options", id); err != nil {
		return err
	}
	if _, err := m.run(ctx, tmp, index, "checkout-index", "--all", "--force", "--quiet"); err != nil {
		return err
	}
	return confine(tmp)
}

var errEscapes = errors.New("a symbolic link out of the repository")

// confine refuses symbolic links that lead out of the checkout: builds and
// mounts would follow them with more rights than the branch has.
func confine(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink == 0 {
			return err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, filepath.Join(filepath.Dir(path), target))
		if filepath.IsAbs(target) || err != nil || inside == ".." || strings.HasPrefix(inside, "../") {
			name, _ := filepath.Rel(root, path)
			return fmt.Errorf("%s is %w (to %s)", name, errEscapes, target)
		}
		return nil
	})
}
