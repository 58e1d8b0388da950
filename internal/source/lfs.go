package source

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"offshoot/internal/staging"
)

// What a pointer to a file of Git LFS begins with, and its greatest length, in
// bytes (git-lfs, docs/spec.md).
const (
	lfsPointer    = "version https://git-lfs.github.com/spec/v1\n"
	maxLFSPointer = 1024
)

// largeFiles replaces the pointers in dir by the files of Git LFS that they
// stand for. It needs the program git-lfs.
func (m *Mirrors) largeFiles(ctx context.Context, r Repository, mirror, dir string) error {
	pointers, err := pointersIn(dir)
	pointers = slices.DeleteFunc(pointers, r.joined)
	if err != nil || len(pointers) == 0 {
		return err
	}
	if _, err := exec.LookPath("git-lfs"); err != nil {
		return staging.Refused("install git-lfs on the server", "%d files are kept in Git LFS, which is not on this machine", len(pointers))
	}
	open, err := m.open(r)
	if err != nil {
		return err
	}
	defer open.close()
	remote := r.Remote
	if filepath.IsAbs(remote) {
		remote = "file://" + remote
	}
	settings := append(open.settings, "-c", "remote.origin.url="+remote, "-c", "lfs.fetchexclude=")
	environment := append(open.environment, "GIT_DIR="+mirror, "GIT_LFS_SKIP_SMUDGE=0")
	for _, name := range pointers {
		if err := m.smudge(ctx, settings, environment, dir, name); err != nil {
			return fmt.Errorf("large file %s: %w", name, err)
		}
	}
	return nil
}

// smudge writes one large file beside its pointer, and then in its place.
func (m *Mirrors) smudge(ctx context.Context, settings, environment []string, dir, name string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	pointer, err := root.ReadFile(name)
	if err != nil {
		return err
	}
	info, err := root.Stat(name)
	if err != nil {
		return err
	}
	whole, err := root.OpenFile(name+".lfs-new", os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	err = m.pipe(ctx, dir, environment, bytes.NewReader(pointer), whole, append(settings, "lfs", "smudge")...)
	if closed := whole.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = root.Remove(name + ".lfs-new")
		return err
	}
	return root.Rename(name+".lfs-new", name)
}

// pointersIn are the pointers below a folder; links are not followed.
func pointersIn(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Size() > maxLFSPointer || info.Size() < int64(len(lfsPointer)) {
			return err
		}
		text, err := os.ReadFile(at)
		if err == nil && bytes.HasPrefix(text, []byte(lfsPointer)) {
			name, _ := filepath.Rel(dir, at) // below dir, always
			names = append(names, name)
		}
		return err
	})
	return names, err
}
