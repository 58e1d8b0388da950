//go:build linux

package process

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"offshoot/internal/copytree"
	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

const (
	// firstUID is above what distributions and container runtimes give out
	// (subuid ranges begin at 100000 and grow by 65536).
	firstUID = 1_900_000_000
	maxUsers = 100_000
)

// users are the two ids of an environment: services and data servers cannot
// act as each other.
type users struct {
	Service int `json:"service"`
	Data    int `json:"data"`
}

// The folders that an environment's instances share.
const (
	homeDir = "home"
	tmpDir  = "tmp"
	// logDir keeps the logs of instances that are gone.
	logDir = "log"
)

func (d *Driver) home(owner string) string { return filepath.Join(d.dir, owner) }

// file is where a resource lies: DIR/OWNER/KIND/REST.
func (d *Driver) file(ref platform.Ref) string {
	return filepath.Join(d.dir, filepath.FromSlash(ref.Name))
}

func (d *Driver) scopeFile(owner string) string { return filepath.Join(d.home(owner), "scope.json") }

func (d *Driver) usersOf(owner string) (users, error) {
	var u users
	return u, readFile(d.scopeFile(owner), &u)
}

func (d *Driver) applyScope(r platform.Resource) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	u, known := d.usersOf(r.Owner)
	if known != nil && !errors.Is(known, fs.ErrNotExist) {
		return known
	}
	if err := os.MkdirAll(d.home(r.Owner), 0o711); err != nil {
		return err
	}
	if known != nil {
		var err error
		file := d.scopeFile(r.Owner)
		if u, err = d.allotUsers(file, func(u users) error { return writeFile(file, u) }); err != nil {
			return err
		}
	}
	return d.makeFolders(r.Owner, u)
}

// makeFolders makes what all of an environment shares: its home, and a /tmp in
// which its services find each other's sockets.
func (d *Driver) makeFolders(owner string, u users) error {
	for _, dir := range []string{"", homeDir, tmpDir, logDir, "endpoint", "workload", "task", "build"} {
		if err := os.MkdirAll(filepath.Join(d.home(owner), dir), 0o711); err != nil {
			return err
		}
	}
	for _, dir := range []string{homeDir, tmpDir} {
		if err := d.give(filepath.Join(d.home(owner), dir), d.uid(u, staging.RoleService)); err != nil {
			return err
		}
	}
	return nil
}

// haveFolders makes those that are lacking: an earlier version knew fewer.
func (d *Driver) haveFolders(owner string, u users) error {
	for _, dir := range []string{homeDir, tmpDir} {
		if _, err := os.Lstat(filepath.Join(d.home(owner), dir)); errors.Is(err, fs.ErrNotExist) {
			return d.makeFolders(owner, u)
		}
	}
	return nil
}

// allotUsers finds a pair of ids that no environment has. A scope that cannot
// be read stops it: its ids might be given twice.
func (d *Driver) allotUsers(holder string, write func(users) error) (users, error) {
	if !d.users {
		return users{}, write(users{})
	}
	owners, err := os.ReadDir(d.dir)
	if err != nil {
		return users{}, err
	}
	taken := map[int]bool{}
	for _, o := range owners {
		u, err := d.usersOf(o.Name())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return users{}, err
		}
		taken[u.Service] = true
	}
	var u users
	err = d.userClaims.locked(func(dir string) error {
		first := firstOf(d.dir, maxUsers)
		for i := range maxUsers {
			id := firstUID + 2*((first+i)%maxUsers)
			if taken[id] {
				continue
			}
			if ok, err := d.userClaims.take(dir, id, holder); err != nil || ok {
				u = users{Service: id, Data: id + 1}
				return errors.Join(err, write(u))
			}
		}
		return nil
	})
	if err != nil || u.Service != 0 {
		return u, err
	}
	return users{}, staging.Errorf(staging.CodeLimit, "destroy environments that nobody needs", "all %d user ids are taken", maxUsers)
}

func (d *Driver) observeScope(ref platform.Ref) (staging.Observation, error) {
	u, err := d.usersOf(ref.Owner)
	if err != nil {
		return staging.Observation{}, err
	}
	name := strconv.Itoa(u.Service)
	if !d.users {
		name = userName()
	}
	return staging.Observation{Presence: staging.Present, Ref: name}, nil
}

func (d *Driver) deleteScope(ctx context.Context, ref platform.Ref) error {
	found, err := d.inventory(ctx, ref.Owner)
	if err != nil {
		return err
	}
	for _, o := range found {
		if o.Kind == staging.ResourceScope {
			continue
		}
		if err := d.Delete(ctx, platform.Ref{Kind: o.Kind, Name: o.Name, Owner: o.Owner}); err != nil {
			return err
		}
	}
	// scope.json goes last, and with it the claim on the ids.
	entries, err := os.ReadDir(d.home(ref.Owner))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(d.scopeFile("")) {
			if err := copytree.Remove(filepath.Join(d.home(ref.Owner), e.Name())); err != nil {
				return err
			}
		}
	}
	u, known := d.usersOf(ref.Owner)
	if err := copytree.Remove(d.home(ref.Owner)); err != nil || known != nil || !d.users {
		return err
	}
	return d.userClaims.free(u.Service, d.scopeFile(ref.Owner))
}

// Users are the ids of an owner's services and of its data servers: -1, which
// leaves an owner as it is (chown(2)), where all run as the server's user.
func (d *Driver) Users(_ context.Context, owner string) (service, data int, err error) {
	u, err := d.usersOf(owner)
	if !d.users {
		return shim.OwnUser, shim.OwnUser, err
	}
	return u.Service, u.Data, err
}

// Seclude lets no other user of this host pass a folder, and makes it where it is
// missing.
func (d *Driver) Seclude(dir string) error {
	return errors.Join(os.MkdirAll(dir, d.closed()), os.Chmod(dir, d.closed()))
}

// closed is the mode of a folder in which all environments keep things: no
// other user of this host passes to them, be they open to all as a checkout's
// files are. Without views the environments' programs pass it themselves.
func (d *Driver) closed() fs.FileMode {
	if d.shape == ShapePlain {
		return 0o711
	}
	return 0o700
}
