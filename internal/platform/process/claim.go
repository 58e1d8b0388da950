//go:build linux

package process

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"offshoot/internal/staging"
)

// runtimeDir is where every server of this host (of this user, where that is
// not root) writes down which ports and user ids it has allotted: two servers
// must not allot the same. It is empty after a restart of the host; each
// server then claims its own again.
func runtimeDir() (string, error) {
	dir := "/run/offshoot"
	if os.Geteuid() != 0 {
		dir = fmt.Sprintf("/run/user/%d/offshoot", os.Geteuid())
		if _, err := os.Stat(filepath.Dir(dir)); err != nil {
			dir = fmt.Sprintf("/tmp/offshoot-%d", os.Geteuid())
		}
	}
	if err := os.Mkdir(dir, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() || owner(info) != os.Geteuid() {
		return "", staging.Refused("remove it", "%s is not this user's own folder", dir)
	}
	// Environments' users reach by it what has a short name there.
	return dir, os.Chmod(dir, 0o711)
}

// claims are numbers of one kind ("port", "uid") that are allotted once a host.
type claims struct{ kind string }

// lockFile is held while anything is allotted.
const lockFile = "lock"

// locked runs f while no other server allots anything.
func (c claims) locked(f func(dir string) error) error {
	for {
		dir, err := runtimeDir()
		if err != nil {
			return err
		}
		lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was just removed, with its folder
		}
		if err != nil {
			return err
		}
		done, err := holding(lock, func() error { return f(dir) })
		if done || err != nil {
			return err
		}
	}
}

// holding answers false where the lock was removed before it was got.
func holding(lock *os.File, f func() error) (done bool, err error) {
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return false, err
	}
	var s unix.Stat_t
	if err := unix.Fstat(int(lock.Fd()), &s); err != nil || s.Nlink == 0 {
		return false, err
	}
	return true, f()
}

func (c claims) path(dir string, n int) string { return filepath.Join(dir, c.kind+"-"+strconv.Itoa(n)) }

// take claims a number for the file that records it, unless another file that
// still exists has it. The lock is held.
func (c claims) take(dir string, n int, holder string) (bool, error) {
	text, err := os.ReadFile(c.path(dir, n))
	switch {
	case err == nil && string(text) == holder:
		return true, nil
	case err == nil:
		if _, err := os.Lstat(string(text)); err == nil {
			return false, nil
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	return true, os.WriteFile(c.path(dir, n), []byte(holder), 0o600)
}

// free gives back what a file recorded, and the folder where it was the last.
// The file is gone by now, so another may have taken the number since: then it
// is that one's.
func (c claims) free(n int, holder string) error {
	return c.locked(func(dir string) error {
		if err := c.release(dir, n, holder); err != nil {
			return err
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 1 {
			return err
		}
		return errors.Join(os.Remove(filepath.Join(dir, lockFile)), os.Remove(dir))
	})
}

// release ends a claim unless it is another's. The lock is held.
func (c claims) release(dir string, n int, holder string) error {
	text, err := os.ReadFile(c.path(dir, n))
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(text) != holder {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(c.path(dir, n))
}

// reclaim takes again what this data directory has allotted.
func (d *Driver) reclaim() error {
	endpoints, err := filepath.Glob(filepath.Join(d.dir, "*", "endpoint", "*"))
	if err != nil {
		return err
	}
	scopes, err := filepath.Glob(filepath.Join(d.dir, "*", "scope.json"))
	if err != nil {
		return err
	}
	if len(endpoints)+len(scopes) == 0 {
		return nil
	}
	return d.portClaims.locked(func(dir string) error {
		for _, f := range endpoints {
			var e endpoint
			if strings.HasSuffix(f, partial) || readFile(f, &e) != nil {
				continue
			}
			if _, err := d.portClaims.take(dir, e.Port, f); err != nil {
				return err
			}
		}
		for _, f := range scopes {
			var u users
			if !d.users || readFile(f, &u) != nil {
				continue
			}
			if _, err := d.userClaims.take(dir, u.Service, f); err != nil {
				return err
			}
		}
		return d.lapse(dir)
	})
}

// lapse ends claims whose file is gone, whoever's they were - a server that was
// cut off before it wrote, a data directory that was removed - and those of this
// data directory whose file records another number. The lock is held, under
// which a claim and its file are written.
func (d *Driver) lapse(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		kind, number, _ := strings.Cut(entry.Name(), "-")
		n, err := strconv.Atoi(number)
		if err != nil || kind != d.portClaims.kind && kind != d.userClaims.kind {
			continue
		}
		holder, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			continue
		}
		if !d.lapsed(kind, n, string(holder)) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) lapsed(kind string, n int, holder string) bool {
	if !strings.HasPrefix(holder, d.dir+"/") {
		_, err := os.Lstat(holder)
		return errors.Is(err, fs.ErrNotExist)
	}
	var recorded int
	var err error
	if kind == d.userClaims.kind {
		var u users
		err = readFile(holder, &u)
		recorded = u.Service
	} else {
		var e endpoint
		err = readFile(holder, &e)
		recorded = e.Port
	}
	return errors.Is(err, fs.ErrNotExist) || err == nil && recorded != n
}

// firstOf is where a data directory begins to look among n numbers, so that two
// servers seldom try the same.
func firstOf(dir string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(dir))
	return int(h.Sum32() % uint32(n))
}
