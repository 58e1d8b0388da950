package redis

import (
	"context"
	"strconv"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// Console implements datastore.Client. The password goes in by the
// environment, under the names that redis-cli and valkey-cli read.
func (d *Driver) Console(ctx context.Context, c datastore.Clone, at datastore.Endpoint, args []string) (staging.WorkloadSpec, error) {
	e, err := d.engines.Provide(ctx, datastore.Wanted{Kind: "redis-cli", Image: c.Store.Image}, nil)
	if err != nil {
		return staging.WorkloadSpec{}, err
	}
	w := e.Workload(e.Program, append([]string{"-h", at.Host, "-p", strconv.Itoa(at.Port)}, args...)...)
	if e.Image != "" && c.Store.Password == "" {
		return w, nil // none is asked for, and one alone is refused
	}
	w.Env = map[string]string{"REDISCLI_AUTH": c.Password, "VALKEYCLI_AUTH": c.Password}
	return w, nil
}
