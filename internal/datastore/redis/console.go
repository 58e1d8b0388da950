package redis

import (
	"context"
	"path/filepath"
	"strconv"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// Console implements datastore.Client. The password goes in by the
// environment, under the names that redis-cli and valkey-cli read.
func (d *Driver) Console(ctx context.Context, c datastore.Clone, at datastore.Endpoint, args []string) (staging.WorkloadSpec, error) {
	e, err := d.engines.Provide(ctx, "redis-cli", "", nil)
	if err != nil {
		return staging.WorkloadSpec{}, err
	}
	command := append([]string{filepath.Join(e.Bin, e.Program), "-h", at.Host, "-p", strconv.Itoa(at.Port)}, args...)
	return staging.WorkloadSpec{Command: staging.Command{Args: command}, Mounts: e.Mounts(),
		Env: map[string]string{"REDISCLI_AUTH": c.Password, "VALKEYCLI_AUTH": c.Password}}, nil
}
