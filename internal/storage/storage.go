// Package storage lays out the server's data directory: where each owner's
// clones, marks and checkouts lie, what of them is there, and how they go.
//
// It knows paths and nothing of what is in them.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"offshoot/internal/copytree"
	"offshoot/internal/staging"
)

// Folders is one server's data directory. It is safe for concurrent use on
// different names.
type Folders struct{ dir string }

// Kinds are what lies in folders of its own; all other kinds are a platform's.
var Kinds = []staging.ResourceKind{staging.ResourceCheckout, staging.ResourceClone, staging.ResourceMark,
	staging.ResourceAside, staging.ResourceSnapshot, staging.ResourceMail}

var element = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)

// New uses a data directory that exists.
func New(dir string) *Folders { return &Folders{dir: dir} }

// Path is where the resource of that ledger name lies: OWNER/KIND/REST below
// golden for snapshots, below env for all else.
func (f *Folders) Path(name string) (string, error) {
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return "", fmt.Errorf("%q is no name of a resource", name)
	}
	for _, p := range parts {
		if !element.MatchString(p) {
			return "", fmt.Errorf("%q is no name of a resource", name)
		}
	}
	return filepath.Join(f.root(parts[0]), parts[0], parts[1], parts[2]), nil
}

func (f *Folders) root(owner string) string {
	if staging.HasID(owner, staging.SnapshotPrefix) {
		return filepath.Join(f.dir, "golden")
	}
	return filepath.Join(f.dir, "env")
}

// Observe is whether the folder is there.
func (f *Folders) Observe(_ context.Context, r staging.Resource) staging.Observation {
	o := staging.Observation{Kind: r.Kind, Name: r.Name, Owner: r.Owner, Presence: staging.Present}
	path, err := f.Path(r.Name)
	if err == nil {
		_, err = os.Lstat(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.Presence = staging.Absent
	case err != nil:
		o.Presence, o.Reason = staging.Unknown, err.Error()
	}
	o.Ref = path
	return o
}

// Delete removes a folder, and what an interrupted copy left beside it. It is
// moved away first, so that what is there under its name is always whole.
func (f *Folders) Delete(_ context.Context, name string) error {
	path, err := f.Path(name)
	if err != nil {
		return err
	}
	gone := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".gone")
	if err := os.Rename(path, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(copytree.Remove(gone), copytree.Remove(copytree.Partial(path)), copytree.Remove(path+".new"))
}

// Usage is what the folder of that ledger name takes; nothing where it is not
// there.
func (f *Folders) Usage(name string) (copytree.Space, error) {
	path, err := f.Path(name)
	if err != nil {
		return copytree.Space{}, err
	}
	space, err := copytree.Usage(path)
	if errors.Is(err, fs.ErrNotExist) {
		return copytree.Space{}, nil
	}
	return space, err
}

// Leave removes the folders of an owner of whom nothing is left. What holds
// something stays.
func (f *Folders) Leave(_ context.Context, owner string) error {
	if !element.MatchString(owner) {
		return fmt.Errorf("%q is no owner", owner)
	}
	home := filepath.Join(f.root(owner), owner)
	for _, kind := range Kinds {
		_ = os.Remove(filepath.Join(home, string(kind))) // full, or not there
	}
	if err := os.Remove(home); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

// List is everything of an owner that lies in folders.
func (f *Folders) List(_ context.Context, owner string) ([]staging.Observation, error) {
	if !element.MatchString(owner) {
		return nil, fmt.Errorf("%q is no owner", owner)
	}
	var found []staging.Observation
	for _, kind := range Kinds {
		dir := filepath.Join(f.root(owner), owner, string(kind))
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list %s of %s: %w", kind, owner, err)
		}
		for _, e := range entries {
			found = append(found, staging.Observation{Kind: kind, Owner: owner, Presence: staging.Present,
				Name: owner + "/" + string(kind) + "/" + e.Name(), Ref: filepath.Join(dir, e.Name())})
		}
	}
	return found, nil
}
