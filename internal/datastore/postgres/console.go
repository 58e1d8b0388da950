package postgres

import (
	"context"

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
	e, err := d.Engines.Provide(ctx, datastore.Wanted{Kind: "psql", Image: c.Store.Image}, nil)
	if err != nil {
		return staging.WorkloadSpec{}, err
	}
	w := e.Workload(e.Program, args...)
	w.Env = serving.Variables
	return w, nil
}
