package process

import (
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// claimDir is where every server of this host writes down which ports and user
// ids it has allotted: two servers must not allot the same. It is empty after
// a restart of the host, as /run is; each server then claims its own again.
const claimDir = "/run/offshoot"

// claims are numbers of one kind ("port", "uid") that are allotted once a host.
type claims struct{ kind string }

// locked runs f while no other server allots anything.
func (c claims) locked(f func() error) (err error) {
	if err := os.MkdirAll(claimDir, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(claimDir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	return f()
}

func (c claims) path(n int) string { return filepath.Join(claimDir, c.kind+"-"+strconv.Itoa(n)) }

// take claims a number for the file that records it, unless another file that
// still exists has it.
func (c claims) take(n int, holder string) (bool, error) {
	text, err := os.ReadFile(c.path(n))
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
	return true, os.WriteFile(c.path(n), []byte(holder), 0o600)
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
	return d.portClaims.locked(func() error {
		for _, f := range endpoints {
			var e endpoint
			if strings.HasSuffix(f, partial) || readFile(f, &e) != nil {
				continue
			}
			if _, err := d.portClaims.take(e.Port, f); err != nil {
				return err
			}
		}
		for _, f := range scopes {
			var u users
			if readFile(f, &u) != nil {
				continue
			}
			if _, err := d.userClaims.take(u.Service, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// begin is where a data directory begins to look among n numbers, so that two
// servers seldom try the same.
func begin(dir string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(dir))
	return int(h.Sum32() % uint32(n))
}
