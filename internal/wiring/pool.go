package wiring

import (
	"context"
	"path/filepath"

	"offshoot/internal/staging"
	"offshoot/internal/storage"
)

// initPool makes a pool in a data directory that no server uses.
func initPool(ctx context.Context, dir string, size int64, tell func(string)) (any, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := storage.MayInit(dir, size); err != nil {
		return nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, staging.Refused("stop the server, run this again, start it: environments must be asleep meanwhile", "%w", err)
	}
	defer unlock()
	return storage.InitPool(ctx, dir, size, tell)
}
