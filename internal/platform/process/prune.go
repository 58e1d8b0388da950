//go:build linux

package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"offshoot/internal/copytree"
)

const (
	// cacheAge is how long a branch's cache is kept after its last good build.
	cacheAge = 14 * 24 * time.Hour
	// cacheSize bounds the caches of one project, in bytes.
	cacheSize = 10 << 30
	// artifactAge is how long an artifact is kept that nothing runs from.
	artifactAge = 24 * time.Hour
)

// Prune removes what builds left that is old or too much: caches of branches
// that no longer build, the oldest of a project whose caches are too large,
// and artifacts that no deployment has. It never touches what a running build
// reads or what keep names; in doubt it leaves things.
func (d *Driver) Prune(ctx context.Context, keep map[string]bool) error {
	d.mu.Lock() // no build publishes meanwhile
	defer d.mu.Unlock()
	used, err := d.mounted("")
	if err != nil {
		return fmt.Errorf("what builds read: %w", err)
	}
	projects, err := filepath.Glob(filepath.Join(d.cacheRoot("*")))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range projects {
		errs = append(errs, pruneCaches(ctx, dir, used))
	}
	caches, err := filepath.Glob(filepath.Join(d.cacheRoot("*"), "*", cacheFile))
	if err != nil {
		return err
	}
	for _, file := range caches {
		c, err := readCache(filepath.Dir(file))
		if err != nil {
			return err // what it names is not known
		}
		used[c.Artifact] = true
	}
	for _, pattern := range []string{filepath.Join(filepath.Dir(d.dir), "artifacts", "*", "*"), filepath.Join(d.dir, "*", "app", "*")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, path := range found {
			artifact := strings.TrimSuffix(path, ".json")
			if keep[artifact] || used[artifact] || ctx.Err() != nil {
				continue
			}
			errs = append(errs, pruneArtifact(artifact))
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// pruneArtifact removes an artifact, its mark of completeness first.
func pruneArtifact(artifact string) error {
	var f finished
	if err := readFile(whole(artifact), &f); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f.At.IsZero() {
		info, err := os.Lstat(artifact)
		if err != nil {
			return nil // it has just gone
		}
		f.At = info.ModTime()
	}
	if time.Since(f.At) < artifactAge {
		return nil
	}
	if err := os.Remove(whole(artifact)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return copytree.Remove(artifact)
}

// pruneCaches goes through the branches of one project.
func pruneCaches(ctx context.Context, project string, used map[string]bool) error {
	entries, err := os.ReadDir(project)
	if err != nil {
		return err
	}
	type branch struct {
		dir  string
		at   time.Time
		size int64
	}
	var list []branch
	var total int64
	for _, e := range entries {
		dir := filepath.Join(project, e.Name())
		c, err := readCache(dir)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(c.Layers, func(name string) bool { return used[filepath.Join(dir, name)] }) || used[filepath.Join(dir, homeDir)] {
			continue
		}
		size, err := copytree.Size(ctx, dir)
		if err != nil {
			return err
		}
		list, total = append(list, branch{dir, c.At, size}), total+size
	}
	slices.SortFunc(list, func(a, b branch) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	for _, b := range list {
		if time.Since(b.at) < cacheAge && total < cacheSize {
			continue
		}
		if err := errors.Join(os.RemoveAll(filepath.Join(b.dir, cacheFile)), copytree.Remove(b.dir)); err != nil {
			return err
		}
		total -= b.size
	}
	return nil
}
