// Package volume is the datastore of files: a named volume of a service that
// is no data server. Nothing has to run for it.
package volume

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// Driver implements datastore.Driver.
type Driver struct{}

// New needs nothing.
func New() *Driver { return &Driver{} }

// Kind implements datastore.Driver.
func (*Driver) Kind() string { return "volume" }

// Make implements datastore.Driver.
func (*Driver) Make(ctx context.Context, c datastore.Clone, progress datastore.Progress) (datastore.Made, error) {
	made := datastore.Made{Strategy: "empty", Empty: true,
		Observation: staging.Observation{Kind: staging.ResourceClone, Name: c.Name, Owner: c.Owner, Presence: staging.Present, Ref: c.Dir}}
	if _, err := os.Lstat(c.Dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return made, err
	}
	if c.From != "" {
		r, err := copytree.Copy(ctx, c.From, c.Dir, copytree.Options{UID: c.UID, GID: c.GID, Progress: progress.Of("copying")})
		made.Strategy, made.Empty, made.Observation.SizeBytes = string(r.Strategy), false, r.Bytes
		return made, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return made, err
	}
	return made, copytree.Own(c.Dir, c.UID, c.GID)
}

// Serve implements datastore.Driver.
func (*Driver) Serve(context.Context, datastore.Clone, datastore.Endpoint) (datastore.Serving, error) {
	return datastore.Serving{}, nil
}

// Ready implements datastore.Driver.
func (*Driver) Ready(context.Context, datastore.Clone, datastore.Endpoint) error { return nil }

// Quiet implements datastore.Driver.
func (*Driver) Quiet(context.Context, datastore.Clone, datastore.Endpoint) error { return nil }

// Prepare implements datastore.Driver.
func (*Driver) Prepare(context.Context, datastore.Clone, datastore.Endpoint) error { return nil }
