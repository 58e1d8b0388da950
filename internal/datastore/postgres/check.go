package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// engine is the build that serves a directory: the one that made it, or what
// an update of the system put in its place within the same major version.
func (d *Driver) engine(ctx context.Context, have record) (datastore.Engine, error) {
	e, err := d.Engines.ByName(ctx, "postgres", have.Engine)
	if err == nil || have.Bin == "" {
		return e, err
	}
	all, listed := d.Engines.List(ctx, "postgres")
	if listed != nil {
		return e, listed
	}
	for _, other := range all {
		if other.Bin == have.Bin && other.Major == majorOf(have.Engine) {
			return other, nil
		}
	}
	return e, err
}

// majorOf is the major version in a build's name ("postgres (PostgreSQL) 15.18").
func majorOf(name string) string {
	for _, word := range strings.Fields(name) {
		if major, _, ok := strings.Cut(word, "."); ok {
			if _, err := strconv.Atoi(major); err == nil {
				return major
			}
		}
	}
	return ""
}

func dataError(hint, format string, args ...any) error {
	return staging.Errorf(staging.ClassCode(staging.ClassData), hint, format, args...)
}

// versionFile is what a cluster says of its version.
var versionFile = regexp.MustCompile(`^\d{1,3}(\.\d{1,3})?$`)

// sameMajor refuses a directory that another major version wrote.
func sameMajor(data string, e datastore.Engine) error {
	text, err := readWithin(data, "PG_VERSION")
	if errors.Is(err, fs.ErrNotExist) {
		return dataError("bring the files back, or offshoot data reset", "%s is no data directory of Postgres: it has no PG_VERSION", data)
	}
	if err != nil {
		return fmt.Errorf("version of the data: %w", err)
	}
	wrote := strings.TrimSpace(string(text))
	if !versionFile.MatchString(wrote) {
		return dataError("bring the files back, or offshoot data reset", "%s is no data directory of Postgres: its PG_VERSION names none", data)
	}
	if wrote != e.Major {
		return dataError("install Postgres "+wrote+", or start from another snapshot", "the data in %s was written by Postgres %s, its server here is %s", data, wrote, e.Version)
	}
	return nil
}

// Check implements datastore.Checker.
func (d *Driver) Check(ctx context.Context, c datastore.Clone) error {
	have, err := readRecord(c.Dir)
	if err != nil {
		return dataError("bring the files back, or offshoot data reset", "the data of %s: %w", c.Store.Name, err)
	}
	e, err := d.engine(ctx, have)
	if err != nil {
		return err
	}
	data := filepath.Join(c.Dir, "data")
	if err := sameMajor(data, e); err != nil {
		return err
	}
	if c.Store.Version != "" && c.Store.Version != e.Major {
		return dataError("go back to postgres:"+e.Major+", or start anew: offshoot data reset", "the stack asks for Postgres %s, the data of %s was written by %s", c.Store.Version, c.Store.Name, e.Major)
	}
	info, err := os.Stat(data)
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && c.UID > 0 && int(s.Uid) != c.UID {
		return dataError(fmt.Sprintf("chown -R %d:%d %s", c.UID, c.GID, data), "the data of %s belongs to user %d, its server runs as %d", c.Store.Name, s.Uid, c.UID)
	}
	if _, err := os.Lstat(filepath.Join(data, "postmaster.pid")); errors.Is(err, fs.ErrNotExist) {
		return nil // it was stopped cleanly
	}
	return unused(data)
}

// unused refuses a directory that some server works in. The pid in its own
// file means nothing here: that server may live in another namespace, where
// neither its pid nor its shared memory can be seen. But every Postgres stands
// in its data directory.
func unused(data string) error {
	info, err := os.Stat(data)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil //nolint:nilerr // a system without it: Postgres' own check is left
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		where, err := os.Stat(filepath.Join("/proc", e.Name(), "cwd"))
		if err == nil && os.SameFile(info, where) && isServer(e.Name()) {
			return dataError("stop it, then try again", "another server already uses %s (process %s)", data, e.Name())
		}
	}
	return nil
}

// isServer tells a postgres from a person's shell in that folder.
func isServer(pid string) bool {
	name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
	return err != nil || strings.HasPrefix(string(name), "postgres")
}
