// Package postgres is the datastore of Postgres: a data directory and a server
// of its own an environment.
//
// The server's superuser is ours; its password is derived from the server's
// key. The user that the stack declares is a superuser of its own cluster, as
// in the image that the stack names.
package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// Engines finds server builds, and provides those that the host lacks.
type Engines interface {
	Provide(ctx context.Context, want datastore.Wanted, tell datastore.Progress) (datastore.Engine, error)
	ByName(ctx context.Context, kind, name string) (datastore.Engine, error)
	// List is every build of a kind, newest first.
	List(ctx context.Context, kind string) ([]datastore.Engine, error)
}

// Config is what a driver needs.
type Config struct {
	// Golden is where golden copies lie, Empty in it the folder of the kept empty
	// clusters, one a server build.
	Golden  string
	Empty   string
	Engines Engines
	// Program runs a program of an image as User, which owns all data there; nil
	// where servers are of this host.
	Program func(ctx context.Context, p staging.Program) ([]byte, error)
	User    int
	// Key is the server's secret.
	Key []byte
	// Room is whether the disk has room for copies made ahead of need, nil for
	// always.
	Room func() bool
}

// Driver implements datastore.Driver.
type Driver struct {
	Config
	// mu lets one caller at a time make an empty cluster.
	mu     sync.Mutex
	spares *spares
}

// New uses that configuration.
func New(c Config) *Driver {
	if c.Room == nil {
		c.Room = func() bool { return true }
	}
	return &Driver{Config: c, spares: newSpares(c.Golden, c.Room)}
}

const (
	// admin is our own superuser in every cluster.
	admin      = "offshoot_admin"
	recordFile = "offshoot.json"
)

// record is what is known of a data directory besides what is in it.
type record struct {
	Engine string `json:"engine"`
	// Bin is where that build was: an update of the system replaces it there.
	Bin      string `json:"bin,omitempty"`
	User     string `json:"user,omitempty"`
	Database string `json:"database,omitempty"`
	// Prepared is for whom the roles were set.
	Prepared string `json:"prepared,omitempty"`
}

func readRecord(dir string) (record, error) {
	var r record
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

func writeRecord(dir string, r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, recordFile)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Kind implements datastore.Driver.
func (*Driver) Kind() string { return "postgres" }

func (d *Driver) adminPassword() string {
	mac := hmac.New(sha256.New, d.Key)
	mac.Write([]byte("postgres admin"))
	return hex.EncodeToString(mac.Sum(nil))
}

// Make implements datastore.Driver.
func (d *Driver) Make(ctx context.Context, c datastore.Clone, progress datastore.Progress) (datastore.Made, error) {
	made := datastore.Made{Observation: staging.Observation{Kind: staging.ResourceClone, Name: c.Name, Owner: c.Owner,
		Presence: staging.Present, Ref: c.Dir}, Empty: c.From == ""}
	if have, err := readRecord(c.Dir); err == nil {
		made.Engine, made.Strategy = have.Engine, "kept"
		return made, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return made, err
	}
	from := c.From
	rec := record{}
	if from == "" {
		e, err := d.Engines.Provide(ctx, datastore.Server(c.Store), progress)
		if err != nil {
			return made, err
		}
		if from, err = d.empty(ctx, e); err != nil {
			return made, err
		}
		rec.Engine, rec.Bin = e.Name, e.Bin
	} else {
		have, err := readRecord(from)
		if err != nil {
			return made, fmt.Errorf("the golden copy: %w", err)
		}
		if err := d.fits(ctx, filepath.Join(from, "data"), have, c.Store); err != nil {
			return made, err
		}
		rec.Engine, rec.Bin, rec.User, rec.Database = have.Engine, have.Bin, have.User, have.Database
	}
	e, err := d.engine(ctx, rec)
	if err != nil {
		return made, err
	}
	result, err := d.copy(ctx, from, c, rec, e.Image != "", progress)
	made.Engine, made.Strategy, made.Observation.SizeBytes = rec.Engine, string(result.Strategy), result.Bytes
	if made.Empty {
		made.Strategy = "empty"
	}
	return made, err
}

// fits refuses data that no server of what the stack asks for can read.
func (d *Driver) fits(ctx context.Context, data string, have record, want staging.Datastore) error {
	e, err := d.engine(ctx, have)
	if err != nil {
		return err
	}
	if err := sameMajor(data, e); err != nil {
		return err
	}
	if want.Version != "" && e.Major != want.Version {
		return staging.Errorf(staging.ClassCode(staging.ClassData), "take a snapshot of that version, or start empty: --snapshot none",
			"the stack asks for Postgres %s, the snapshot is of %s", want.Version, e.Major)
	}
	return nil
}

// copy makes Dir as a whole under a temporary name.
func (d *Driver) copy(ctx context.Context, from string, c datastore.Clone, rec record, within bool, progress datastore.Progress) (copytree.Result, error) {
	tmp := copytree.Partial(c.Dir)
	if err := copytree.Remove(tmp); err != nil {
		return copytree.Result{}, err
	}
	if err := os.MkdirAll(filepath.Join(tmp, "run"), 0o711); err != nil {
		return copytree.Result{}, err
	}
	data := filepath.Join(tmp, "data")
	result, ok := d.spares.take(from, data, c.UID, c.GID)
	var err error
	if !ok {
		o := copyOptions()
		o.UID, o.GID, o.Progress = c.UID, c.GID, progress.Of("copying")
		result, err = copytree.Copy(ctx, filepath.Join(from, "data"), data, o)
	}
	for _, step := range []func() error{
		func() error { return err },
		func() error { return configure(data, c, rec, within) },
		func() error { return copytree.Own(filepath.Join(tmp, "run"), c.UID, c.GID) },
		func() error { return writeRecord(tmp, rec) },
		func() error { return copytree.Publish(tmp, c.Dir, result.Strategy == copytree.Plain) },
	} {
		if err := step(); err != nil {
			return result, errors.Join(err, copytree.Remove(tmp))
		}
	}
	return result, nil
}

// copyOptions are how golden data becomes data that is served.
func copyOptions() copytree.Options {
	return copytree.Options{Writable: true, Skip: func(rel string, _ fs.DirEntry) bool { return leftOut[rel] }}
}

// Transient implements datastore.Transient.
func (*Driver) Transient() []string { return []string{"data/postmaster.pid", "data/postmaster.opts"} }

// leftOut are files of a data directory that speak of the server that ran on it.
var leftOut = map[string]bool{"postmaster.pid": true, "postmaster.opts": true, "standby.signal": true, "recovery.signal": true,
	"postgresql.auto.conf": true, "current_logfiles": true}
