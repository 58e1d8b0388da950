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
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// Engines finds server builds, and provides those that the host lacks.
type Engines interface {
	Provide(ctx context.Context, kind, major string, tell datastore.Progress) (datastore.Engine, error)
	ByName(ctx context.Context, kind, name string) (datastore.Engine, error)
}

// Config is what a driver needs.
type Config struct {
	// Empty is the folder of the kept empty clusters, one a server build.
	Empty   string
	Engines Engines
	// Key is the server's secret.
	Key []byte
}

// Driver implements datastore.Driver.
type Driver struct {
	Config
	// mu lets one caller at a time make an empty cluster.
	mu sync.Mutex
}

// New uses that configuration.
func New(c Config) *Driver { return &Driver{Config: c} }

const (
	// admin is our own superuser in every cluster.
	admin      = "offshoot_admin"
	recordFile = "offshoot.json"
	// insideData and insideRun are where a server sees its folders.
	insideData = "/var/lib/postgresql/data"
	insideRun  = "/run/postgresql"
)

// record is what is known of a data directory besides what is in it.
type record struct {
	Engine   string `json:"engine"`
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
		e, err := d.Engines.Provide(ctx, "postgres", c.Store.Version, progress)
		if err != nil {
			return made, err
		}
		if from, err = d.empty(ctx, e); err != nil {
			return made, err
		}
		rec.Engine = e.Name
	} else {
		have, err := readRecord(from)
		if err != nil {
			return made, fmt.Errorf("the golden copy: %w", err)
		}
		if err := d.fits(ctx, have, c.Store); err != nil {
			return made, err
		}
		rec.Engine, rec.User, rec.Database = have.Engine, have.User, have.Database
	}
	result, err := d.copy(ctx, from, c, rec, progress)
	made.Engine, made.Strategy, made.Observation.SizeBytes = rec.Engine, string(result.Strategy), result.Bytes
	if made.Empty {
		made.Strategy = "empty"
	}
	return made, err
}

// fits refuses data that no server of what the stack asks for can read.
func (d *Driver) fits(ctx context.Context, have record, want staging.Datastore) error {
	e, err := d.Engines.ByName(ctx, "postgres", have.Engine)
	if err != nil {
		return err
	}
	if want.Version != "" && e.Major != want.Version {
		return staging.Errorf(staging.ClassCode(staging.ClassData), "take a snapshot of that version, or start empty: --snapshot none",
			"the stack asks for Postgres %s, the snapshot is of %s", want.Version, e.Major)
	}
	return nil
}

// copy makes Dir as a whole under a temporary name.
func (d *Driver) copy(ctx context.Context, from string, c datastore.Clone, rec record, progress datastore.Progress) (copytree.Result, error) {
	tmp := copytree.Partial(c.Dir)
	if err := copytree.Remove(tmp); err != nil {
		return copytree.Result{}, err
	}
	if err := os.MkdirAll(filepath.Join(tmp, "run"), 0o711); err != nil {
		return copytree.Result{}, err
	}
	data := filepath.Join(tmp, "data")
	result, err := copytree.Copy(ctx, filepath.Join(from, "data"), data, copytree.Options{UID: c.UID, GID: c.GID, Progress: progress.Of("copying"),
		Skip: func(rel string, _ fs.DirEntry) bool { return leftOut[rel] }})
	for _, step := range []func() error{
		func() error { return err },
		func() error { return configure(data, c) },
		func() error { return os.Chown(filepath.Join(tmp, "run"), c.UID, c.GID) },
		func() error { return writeRecord(tmp, rec) },
		func() error { return copytree.Publish(tmp, c.Dir, result.Strategy == copytree.Plain) },
	} {
		if err := step(); err != nil {
			return result, errors.Join(err, copytree.Remove(tmp))
		}
	}
	return result, nil
}

// leftOut are files of a data directory that speak of the server that ran on it.
var leftOut = map[string]bool{"postmaster.pid": true, "postmaster.opts": true, "standby.signal": true, "recovery.signal": true,
	"postgresql.auto.conf": true, "current_logfiles": true}

// configure writes the settings that are ours. Port and addresses come with
// the command, since they change while the data stays.
func configure(data string, c datastore.Clone) error {
	commit := "off"
	if c.Shared {
		commit = "on"
	}
	files := map[string]string{
		"postgresql.conf": "max_connections = 60\nshared_buffers = 32MB\nsynchronous_commit = " + commit + "\nfsync = on\nwal_level = replica\n" +
			"max_wal_senders = 2\nmax_wal_size = 512MB\nmin_wal_size = 32MB\njit = off\nhuge_pages = off\ntimezone = 'UTC'\n" +
			"password_encryption = 'scram-sha-256'\nmax_logical_replication_workers = 0\nlog_min_duration_statement = -1\n" +
			"log_line_prefix = ''\nshared_preload_libraries = ''\nlogging_collector = off\nlog_destination = 'stderr'\nupdate_process_title = off\n",
		"pg_hba.conf":          "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n",
		"pg_ident.conf":        "",
		"postgresql.auto.conf": "",
	}
	for name, text := range files {
		path := filepath.Join(data, name)
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if err := os.Lchown(path, c.UID, c.GID); err != nil {
			return err
		}
	}
	return nil
}

// Serve implements datastore.Driver.
func (d *Driver) Serve(ctx context.Context, c datastore.Clone, at datastore.Endpoint) (datastore.Serving, error) {
	have, err := readRecord(c.Dir)
	if err != nil {
		return datastore.Serving{}, fmt.Errorf("data of %s: %w", c.Store.Name, err)
	}
	e, err := d.Engines.ByName(ctx, "postgres", have.Engine)
	if err != nil {
		return datastore.Serving{}, err
	}
	mounts := append([]staging.HostMount{{Source: filepath.Join(c.Dir, "data"), Target: insideData}, {Source: filepath.Join(c.Dir, "run"), Target: insideRun}}, e.Mounts()...)
	port := strconv.Itoa(at.Port)
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.Store.User, c.Password), Host: net.JoinHostPort(at.Host, port),
		Path: "/" + c.Store.Database, RawQuery: "sslmode=disable"}
	return datastore.Serving{
		Workload: staging.WorkloadSpec{Service: c.Store.Name, Role: staging.RoleData, Dir: insideData, Restart: true, Writer: true,
			Command: staging.Command{Args: []string{filepath.Join(e.Bin, "postgres"), "-D", insideData, "-c", "listen_addresses=" + at.Host,
				"-c", "port=" + port, "-c", "unix_socket_directories=" + insideRun}},
			Mounts: mounts, Limits: c.Store.Limits, StopSignal: "SIGINT", StopGrace: 2 * time.Minute},
		Socket: filepath.Join(c.Dir, "run"), URL: u.String(),
		Variables: map[string]string{"DATABASE_URL": u.String(), "PGHOST": at.Host, "PGPORT": port, "PGUSER": c.Store.User,
			"PGPASSWORD": c.Password, "PGDATABASE": c.Store.Database},
	}, nil
}
