package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"offshoot/internal/staging"
)

// Checkout writes the files of a commit to dir, which must not exist: under a
// temporary name first, so that dir is whole or absent. What is there already
// is left as it is. Submodules and LFS files stay what Git itself tracks of
// them, a link and a pointer, unless the project says otherwise. Symbolic links
// lead where they will: who reads a checkout with more rights than its branch has
// follows none out of it.
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
	within, done := sparing(ctx, tmp)
	err = m.writeTree(within, mirror, id, tmp)
	if err == nil {
		err = m.extras(within, project, mirror, id, tmp)
	}
	done()
	if err != nil {
		if errors.Is(context.Cause(within), errSpare) || full(tmp) { // Git does not say why it could not write
			err = errSpare
		}
		_ = os.RemoveAll(tmp)
		if staging.CodeOf(err) != staging.CodeInternal {
			return err
		}
		return staging.Errorf(staging.ClassCode(staging.ClassSource), "see the free disk space, and whether the commit is whole: git fsck", "check out %s: %w", id[:min(12, len(id))], err)
	}
	return os.Rename(tmp, dir)
}

// full is whether the disk of a folder has no room for anything.
func full(dir string) bool {
	var disk syscall.Statfs_t
	const room = 1 << 20
	return syscall.Statfs(dir, &disk) == nil && int64(disk.Bavail)*int64(disk.Bsize) < room
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
	if _, err := m.names(ctx, mirror, id); err != nil {
		return err
	}
	index := []string{"GIT_INDEX_FILE=" + tmp + ".index", "GIT_DIR=" + mirror, "GIT_WORK_TREE=" + tmp}
	defer func() { _ = os.Remove(tmp + ".index") }()
	if _, err := m.run(ctx, tmp, index, "read-tree", "--end-of-options", id); err != nil {
		return err
	}
	_, err := m.run(ctx, tmp, index, "checkout-index", "--all", "--force", "--quiet")
	return err
}
