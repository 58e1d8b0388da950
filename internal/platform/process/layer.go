//go:build linux

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"offshoot/internal/copytree"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// merge makes one layer of a branch's many, unless another build has them
// mounted: then that is left to a later one. Cut off half-way it leaves layers
// that show the same as before.
func (d *Driver) merge(target string, c *cache, self string) error {
	if len(c.Layers) <= maxLayers {
		return nil
	}
	used, err := d.mounted(self)
	if err != nil {
		return err
	}
	for _, name := range c.Layers {
		if used[filepath.Join(target, name)] {
			return nil
		}
	}
	bottom := filepath.Join(target, c.Layers[len(c.Layers)-1])
	for _, name := range slices.Backward(c.Layers[:len(c.Layers)-1]) {
		if err := lay(filepath.Join(target, name), bottom); err != nil {
			return fmt.Errorf("merge what builds cached: %w", err)
		}
	}
	// A name that was never used: builds tell by it what they began with.
	name := fmt.Sprintf("%06d", topmost(c.Layers)+1)
	c.Layers = []string{name}
	return os.Rename(bottom, filepath.Join(target, name))
}

// lay moves what is in the upper folder of an overlay into the one below. A
// whiteout and an opaque folder go along, since they may hide what lies lower
// still (overlayfs.rst).
func lay(upper, lower string) error {
	entries, err := os.ReadDir(upper)
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(upper, e.Name()), filepath.Join(lower, e.Name())
		info, err := os.Lstat(to)
		if err == nil && info.IsDir() && e.IsDir() && !opaque(from) {
			if err := lay(from, to); err != nil {
				return err
			}
			continue
		}
		if err == nil && info.IsDir() {
			err = copytree.Remove(to)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Rename(from, to); err != nil {
			return err
		}
	}
	return os.Remove(upper)
}

func opaque(dir string) bool {
	value := make([]byte, 8)
	for _, name := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		if n, err := unix.Lgetxattr(dir, name, value); err == nil && strings.HasPrefix(string(value[:n]), "y") {
			return true
		}
	}
	return false
}

// mounted are the folders that builds which still run read, but for one.
func (d *Driver) mounted(but string) (map[string]bool, error) {
	records, err := filepath.Glob(filepath.Join(d.dir, "*", string(staging.ResourceBuild), "*", recordFile))
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, file := range records {
		dir := filepath.Dir(file)
		if dir == but || strings.HasSuffix(dir, partial) {
			continue
		}
		known, err := readRecord(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err := os.Lstat(filepath.Join(dir, shim.ExitFile)); err == nil || known.Cache == nil {
			continue
		}
		for _, path := range slices.Concat(known.Cache.Own, known.Cache.Below, known.Cache.Artifacts, []string{known.Cache.Home, known.Artifact}) {
			used[path] = true
		}
	}
	return used, nil
}
