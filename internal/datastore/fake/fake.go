// Package fake is a datastore whose data is a folder with text files, and whose
// server runs nothing. Its calls fail when they are told to.
//
// It is for tests of what stands above the contract of datastores; it passes
// the same conformance suite as the real ones.
package fake

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/fault"
	"offshoot/internal/staging"
)

// The methods of a driver, as faults and calls name them.
const (
	Make    = "make"
	Serve   = "serve"
	Ready   = "ready"
	Quiet   = "quiet"
	Prepare = "prepare"
	Verify  = "verify"
)

// Version is the one that it has a server for.
const Version = "1"

// content is the file that a clone's text is in, password the one for whom it
// was prepared.
const (
	content  = "content"
	password = "password"
)

// Driver implements datastore.Driver, Verifier and Inspector.
type Driver struct {
	// Points lets calls go wrong.
	fault.Points
	// Slow is called with what tells of progress when a clone is made; nil for
	// one that is made at once.
	Slow func(datastore.Progress)
	kind string
	up   func(c datastore.Clone) bool
}

// New makes a driver of that kind. up says whether the server of a clone runs;
// nil is for always.
func New(kind string, up func(datastore.Clone) bool) *Driver {
	if up == nil {
		up = func(datastore.Clone) bool { return true }
	}
	return &Driver{kind: kind, up: up}
}

// Kind implements datastore.Driver.
func (d *Driver) Kind() string { return d.kind }

func (d *Driver) enter(ctx context.Context, method string, c datastore.Clone) (lost, err error) {
	return d.Enter(ctx, fault.Call{Method: method, Kind: d.kind, Name: c.Name})
}

// Make implements datastore.Driver.
func (d *Driver) Make(ctx context.Context, c datastore.Clone, progress datastore.Progress) (datastore.Made, error) {
	made := datastore.Made{Strategy: "kept", Engine: "fake " + Version, Empty: c.From == "",
		Observation: staging.Observation{Kind: staging.ResourceClone, Name: c.Name, Owner: c.Owner, Presence: staging.Present, Ref: c.Dir}}
	lost, err := d.enter(ctx, Make, c)
	if err != nil {
		return made, err
	}
	if c.Store.Version != "" && c.Store.Version != Version {
		return made, staging.Errorf(staging.ClassCode(staging.ClassData), "ask for version "+Version, "there is no %s %s", d.kind, c.Store.Version)
	}
	if _, err := os.Lstat(c.Dir); !errors.Is(err, fs.ErrNotExist) {
		return made, errors.Join(lost, err)
	}
	if d.Slow != nil {
		d.Slow(progress)
	}
	if c.From != "" {
		r, err := copytree.Copy(ctx, c.From, c.Dir, copytree.Options{Progress: progress.Of("copying")})
		made.Strategy = string(r.Strategy)
		return made, errors.Join(lost, err)
	}
	made.Strategy = "empty"
	partial := copytree.Partial(c.Dir)
	err = errors.Join(copytree.Remove(partial), os.MkdirAll(partial, 0o755), os.WriteFile(filepath.Join(partial, content), nil, 0o644))
	return made, errors.Join(lost, err, copytree.Publish(partial, c.Dir, false))
}

// Serve implements datastore.Driver.
func (d *Driver) Serve(ctx context.Context, c datastore.Clone, at datastore.Endpoint) (datastore.Serving, error) {
	if _, err := d.enter(ctx, Serve, c); err != nil {
		return datastore.Serving{}, err
	}
	u := url.URL{Scheme: d.kind, User: url.UserPassword(c.Store.User, c.Password), Host: net.JoinHostPort(at.Host, strconv.Itoa(at.Port)), Path: c.Dir}
	return datastore.Serving{URL: u.String(), Variables: map[string]string{"DATABASE_URL": u.String()},
		Workload: staging.WorkloadSpec{Service: c.Store.Name, Role: staging.RoleData, Command: staging.Command{Args: []string{"serve", c.Dir}}, Restart: true}}, nil
}

// Ready implements datastore.Driver.
func (d *Driver) Ready(ctx context.Context, c datastore.Clone, _ datastore.Endpoint) error {
	lost, err := d.enter(ctx, Ready, c)
	if err != nil {
		return err
	}
	return errors.Join(lost, datastore.Poll(ctx, func(context.Context) error { return d.ask(c) }))
}

func (d *Driver) ask(c datastore.Clone) error {
	if !d.up(c) {
		return errors.New("connection refused")
	}
	return nil
}

// Quiet implements datastore.Driver.
func (d *Driver) Quiet(ctx context.Context, c datastore.Clone, _ datastore.Endpoint) error {
	lost, err := d.enter(ctx, Quiet, c)
	return errors.Join(lost, err, d.ask(c))
}

// Prepare implements datastore.Driver.
func (d *Driver) Prepare(ctx context.Context, c datastore.Clone, _ datastore.Endpoint) error {
	lost, err := d.enter(ctx, Prepare, c)
	if err = errors.Join(err, d.ask(c)); err != nil {
		return err
	}
	return errors.Join(lost, os.WriteFile(filepath.Join(c.Dir, password), []byte(c.Password), 0o600))
}

// Verify implements datastore.Verifier.
func (d *Driver) Verify(ctx context.Context, c datastore.Clone, _ datastore.Endpoint) (datastore.Report, error) {
	if _, err := d.enter(ctx, Verify, c); err != nil {
		return datastore.Report{}, err
	}
	text, err := os.ReadFile(filepath.Join(c.Dir, content))
	return datastore.Report{Summary: d.kind + " " + Version + ": 1 text", SizeBytes: int64(len(text))}, errors.Join(err, d.ask(c))
}

// Trim implements datastore.Verifier.
func (d *Driver) Trim(context.Context, string) error { return nil }

// Fingerprint implements datastore.Inspector: the first byte is the schema.
func (d *Driver) Fingerprint(_ context.Context, c datastore.Clone, _ datastore.Endpoint) (string, error) {
	text, err := os.ReadFile(filepath.Join(c.Dir, content))
	return string(text[:min(1, len(text))]), errors.Join(err, d.ask(c))
}

// Read is the text in a clone's folder.
func Read(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, content))
	return string(text), err
}

// Put replaces the text in a clone's folder, as a client of its server would.
func Put(dir, text string) error {
	return os.WriteFile(filepath.Join(dir, content), []byte(text), 0o644)
}
