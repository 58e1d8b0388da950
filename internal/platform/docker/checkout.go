package docker

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
	"strings"
	"time"

	"offshoot/internal/copytree"
	"offshoot/internal/staging"
)

// keptCheckout is where the files of an artifact's revision lie, for workloads
// that mount a part of them. They are never written to.
func (d *Driver) keptCheckout(artifact string) string {
	sum := sha256.Sum256([]byte(artifact))
	return filepath.Join(d.dir, "checkout", hex.EncodeToString(sum[:12]))
}

// keepCheckout takes a copy of what was built: the build's own may go.
func (d *Driver) keepCheckout(ctx context.Context, artifact, checkout string) error {
	if checkout == "" {
		return os.MkdirAll(d.keptCheckout(artifact), 0o700)
	}
	_, err := copytree.Copy(ctx, checkout, d.keptCheckout(artifact), copytree.Options{})
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// pruneAfter is how long what was just built is kept, whatever anybody names: who
// asked for it may not have written it down yet.
const pruneAfter = time.Hour

// Prune removes what is kept of artifacts other than these.
func (d *Driver) Prune(_ context.Context, artifacts map[string]bool) error {
	d.allotting.Lock()
	defer d.allotting.Unlock()
	var keep []string
	for a := range artifacts {
		keep = append(keep, d.keptCheckout(a))
	}
	entries, err := os.ReadDir(filepath.Dir(d.keptCheckout("")))
	if err != nil {
		return ignoreMissing(err)
	}
	var errs []error
	for _, e := range entries {
		if path := filepath.Join(filepath.Dir(d.keptCheckout("")), e.Name()); !slices.Contains(keep, path) && old(e) {
			errs = append(errs, copytree.Remove(path))
		}
	}
	return errors.Join(errs...)
}

func old(e fs.DirEntry) bool {
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) > pruneAfter
}

// ownCheckouts is where a workload's own copies of parts of its checkout lie.
func (d *Driver) ownCheckouts(name string) string {
	owner, rest, _ := strings.Cut(name, "/")
	return filepath.Join(d.home(owner), "checkout", strings.ReplaceAll(rest, "/", "-"))
}

// copyCheckout makes a workload's own copies of what it mounts of its checkout,
// each by itself: what a container can write must not decide what the engine
// mounts when it starts it again. They are open to all who run in there, and to
// nobody else of this host.
func (d *Driver) copyCheckout(ctx context.Context, name string, w *staging.WorkloadSpec) error {
	own := d.ownCheckouts(name)
	if err := copytree.Remove(own); err != nil { // of a container that never began
		return err
	}
	for i, m := range w.Mounts {
		if !m.Checkout {
			continue
		}
		if err := os.MkdirAll(own, 0o711); err != nil {
			return err
		}
		if err := d.copyPart(ctx, w, m, filepath.Join(own, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) copyPart(ctx context.Context, w *staging.WorkloadSpec, m staging.HostMount, to string) error {
	base := d.keptCheckout(w.Artifact)
	info, err := os.Stat(base)
	if err != nil {
		return staging.Errorf(staging.ClassCode(staging.ClassStart), "deploy again", "the files of the revision that %s mounts at %s are not here any more: %w", w.Service, m.Target, err)
	}
	part := filepath.Clean(filepath.FromSlash(m.Source))
	from := base
	if part != "." {
		// Resolved without ever leaving the checkout: a link there is the branch's.
		if from, info, err = within(base, part); err != nil {
			return staging.Errorf(staging.ClassCode(staging.ClassStart), "mount what the repository holds", "%s mounts %s of its checkout: %w", w.Service, m.Source, err)
		}
	}
	if !info.IsDir() {
		if err := copytree.CopyFile(ctx, filepath.Dir(from), filepath.Base(from), to); err != nil {
			return err
		}
		return os.Chmod(to, info.Mode().Perm()|0o666)
	}
	if _, err := copytree.Copy(ctx, from, to, copytree.Options{}); err != nil {
		return err
	}
	return openAll(to)
}

// within is a part of a folder, with links resolved, that lies in it.
func within(base, part string) (string, fs.FileInfo, error) {
	if !filepath.IsLocal(part) {
		return "", nil, errors.New("it lies outside")
	}
	base, errBase := filepath.EvalSymlinks(base)
	real, err := filepath.EvalSymlinks(filepath.Join(base, part))
	if err = errors.Join(errBase, err); err != nil {
		return "", nil, err
	}
	if real != base && !strings.HasPrefix(real, base+string(filepath.Separator)) {
		return "", nil, errors.New("it leads outside")
	}
	info, err := os.Lstat(real)
	return real, info, err
}

// openAll lets everybody read and write what is in a folder.
func openAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o666
		if e.IsDir() || mode&0o111 != 0 {
			mode |= 0o111
		}
		if err := os.Chmod(path, mode); err != nil {
			return fmt.Errorf("open the checkout: %w", err)
		}
		return nil
	})
}
