package e2e

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"offshoot/internal/componenttest"
	"offshoot/internal/engine"
)

// fetches is whether builds of servers can be had here: a machine without the
// internet skips what needs them, unless they are required.
func fetches() (bool, error) {
	err := reachable()
	if err != nil && componenttest.Required("fetch") {
		return false, fmt.Errorf("fetch is missing: %w", err)
	}
	return err == nil, nil
}

// reachable tries with the smallest build.
var reachable = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "offshoot-fetch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := engine.NewRuntime(dir)
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	_, err = r.Install(ctx, "valkey", nil)
	return err
})
