package postgres

import (
	"context"
	"path/filepath"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// Console implements datastore.Client. Some builds come without psql; the
// newest on the host speaks with every server.
func (d *Driver) Console(ctx context.Context, c datastore.Clone, at datastore.Endpoint, args []string) (staging.WorkloadSpec, error) {
	serving, err := d.Serve(ctx, c, at)
	if err != nil {
		return staging.WorkloadSpec{}, err
	}
	e, err := d.Engines.Provide(ctx, "psql", "", nil)
	if err != nil {
		return staging.WorkloadSpec{}, err
	}
	return staging.WorkloadSpec{Command: staging.Command{Args: append([]string{filepath.Join(e.Bin, e.Program)}, args...)},
		Env: serving.Variables, Mounts: e.Mounts()}, nil
}
