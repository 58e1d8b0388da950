//go:build linux

package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"offshoot/internal/copytree"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// cache is what the last good builds of one branch left.
type cache struct {
	Branch string `json:"branch"`
	// Layers are folders of what tools keep at home, topmost first: each holds
	// what one build changed of those below. They are never written to again.
	Layers []string `json:"layers,omitempty"`
	// Home is the whole of it, where layers cannot be mounted.
	Home bool `json:"home,omitempty"`
	// Artifact is the last good build's, for the paths of a checkout that are
	// to be kept from build to build.
	Artifact string    `json:"artifact,omitempty"`
	At       time.Time `json:"at"`
}

// cacheUsed is what one build read, and where it may leave something.
type cacheUsed struct {
	Project string `json:"project"`
	Branch  string `json:"branch"`
	// Own are the branch's layers when the build began, Below those of the
	// staging branch under them: read-only, so that no branch reaches another.
	Own   []string `json:"own,omitempty"`
	Below []string `json:"below,omitempty"`
	// Home is a whole home to copy, "" for none.
	Home string `json:"home,omitempty"`
	// Artifacts hold the kept paths of the checkout, the branch's own first.
	Artifacts []string `json:"artifacts,omitempty"`
}

const (
	cacheFile = "cache.json"
	// maxLayers bounds what is mounted over each other; more are merged.
	maxLayers = 8
)

func (d *Driver) cacheRoot(project string) string {
	return filepath.Join(filepath.Dir(d.dir), "cache", project)
}

func (d *Driver) cacheDir(project, branch string) string {
	sum := sha256.Sum256([]byte(branch))
	return filepath.Join(d.cacheRoot(project), hex.EncodeToString(sum[:8]))
}

func readCache(dir string) (cache, error) {
	var c cache
	err := readFile(filepath.Join(dir, cacheFile), &c)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	return c, err
}

// cacheFor is what a build may read.
func (d *Driver) cacheFor(b *staging.BuildSpec) (*cacheUsed, error) {
	used := &cacheUsed{Project: b.Project, Branch: b.Branch}
	branches := []string{b.Branch}
	if b.BaseBranch != "" && b.BaseBranch != b.Branch {
		branches = append(branches, b.BaseBranch)
	}
	for i, branch := range branches {
		dir := d.cacheDir(b.Project, branch)
		c, err := readCache(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range c.Layers {
			layer := filepath.Join(dir, name)
			if i == 0 {
				used.Own = append(used.Own, layer)
			} else {
				used.Below = append(used.Below, layer)
			}
		}
		if c.Home && used.Home == "" {
			used.Home = filepath.Join(dir, homeDir)
		}
		if c.Artifact != "" && kept(c.Artifact) {
			used.Artifacts = append(used.Artifacts, c.Artifact)
		}
	}
	return used, nil
}

// bringCached puts the kept paths of the last good build into a new checkout.
// Without views nothing is kept there: paths that it holds are another
// build's.
func (d *Driver) bringCached(ctx context.Context, b *staging.BuildSpec, known record, work string, uid int) ([]string, error) {
	var remarks []string
	if d.shape == ShapePlain {
		return nil, nil
	}
	for _, step := range b.Steps {
		for _, rel := range step.Cache {
			rel = filepath.Clean(rel)
			if !filepath.IsLocal(rel) || rel == "." {
				return nil, staging.Errorf(staging.ClassCode(staging.ClassPolicy), "name a folder below it", "the cached path %q is not in the checkout", rel)
			}
			for _, artifact := range known.Cache.Artifacts {
				ok, err := bring(ctx, artifact, work, rel, uid)
				if err != nil {
					return nil, err
				}
				if ok {
					remarks = append(remarks, rel+" is kept from the last good build")
					break
				}
			}
		}
	}
	return remarks, nil
}

// bring copies one folder of an artifact, unless the checkout has it. Neither
// way leads through a link.
func bring(ctx context.Context, artifact, work, rel string, uid int) (bool, error) {
	from, to := filepath.Join(artifact, rel), filepath.Join(work, rel)
	base, err := filepath.EvalSymlinks(artifact) // artifacts may lie in a pool
	if err != nil {
		return false, nil
	}
	if real, err := filepath.EvalSymlinks(from); err != nil || real != filepath.Join(base, rel) {
		return false, nil
	}
	if info, err := os.Lstat(from); err != nil || !info.IsDir() {
		return false, nil
	}
	if _, err := os.Lstat(to); err == nil {
		return false, nil
	}
	root, err := os.OpenRoot(work)
	if err != nil {
		return false, err
	}
	defer func() { _ = root.Close() }()
	for way := filepath.Dir(rel); way != "."; way = filepath.Dir(way) {
		if info, err := root.Lstat(way); err == nil && !info.IsDir() {
			return false, nil
		}
	}
	if err := root.MkdirAll(filepath.Dir(rel), 0o777); err != nil {
		return false, err
	}
	_, err = copytree.Copy(ctx, from, to, copytree.Options{UID: uid, GID: uid})
	return err == nil, err
}

// buildHome is a build's home: over the layers, or a copy of its own.
func (d *Driver) buildHome(ctx context.Context, known record, dir string, uid int) (shim.Mount, error) {
	home := filepath.Join(dir, homeDir)
	if !d.overlay {
		if known.Cache.Home != "" {
			_, err := copytree.Copy(ctx, known.Cache.Home, home, copytree.Options{UID: uid, GID: uid})
			if err == nil || !errors.Is(err, fs.ErrNotExist) {
				return shim.Mount{Source: home, Target: insideApp}, err
			}
		}
		return shim.Mount{Source: home, Target: insideApp}, errors.Join(os.MkdirAll(home, 0o711), d.give(home, uid))
	}
	empty := filepath.Join(dir, "files")
	work := filepath.Join(dir, "homework")
	for _, folder := range []string{home, work} {
		if err := os.MkdirAll(folder, 0o711); err != nil {
			return shim.Mount{}, err
		}
	}
	layers := append(slices.Clone(known.Cache.Own), known.Cache.Below...)
	return shim.Mount{Source: empty, Below: layers, Upper: home, Work: work, Volatile: true, Target: insideApp}, d.give(home, uid)
}

// keepCache adds what a good build left, unless another build of the branch
// ended meanwhile: then it is let go, since two homes do not mix.
func (d *Driver) keepCache(dir string, known record) error {
	target := d.cacheDir(known.Cache.Project, known.Cache.Branch)
	home := filepath.Join(dir, homeDir)
	if _, err := os.Lstat(home); errors.Is(err, fs.ErrNotExist) {
		return nil // kept already, or nothing was built
	}
	if err := os.MkdirAll(target, 0o700); err != nil {
		return err
	}
	c, err := readCache(target)
	if err != nil {
		return err
	}
	c.Branch, c.Artifact, c.At = known.Cache.Branch, known.Artifact, time.Now().UTC()
	if !d.overlay {
		old := filepath.Join(target, homeDir)
		c.Home, c.Layers = true, nil
		if err := copytree.Remove(old); err != nil {
			return err
		}
		return errors.Join(os.Rename(home, old), writeFile(filepath.Join(target, cacheFile), c))
	}
	var have []string
	for _, name := range c.Layers {
		have = append(have, filepath.Join(target, name))
	}
	changed, err := os.ReadDir(home)
	if err != nil {
		return err
	}
	if len(changed) > 0 && slices.Equal(have, known.Cache.Own) {
		name := fmt.Sprintf("%06d", topmost(c.Layers)+1)
		if err := copytree.Remove(filepath.Join(target, name)); err != nil {
			return err
		}
		if err := os.Rename(home, filepath.Join(target, name)); err != nil {
			return err
		}
		c.Layers = append([]string{name}, c.Layers...)
		c.Home = false
	}
	if err := d.merge(target, &c, dir); err != nil {
		return err
	}
	return writeFile(filepath.Join(target, cacheFile), c)
}

func topmost(layers []string) int {
	if len(layers) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(layers[0])
	return n
}
