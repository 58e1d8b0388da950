//go:build linux

package process

import (
	"context"
	"path/filepath"
	"time"

	"offshoot/internal/platform/process/shim"
)

// holdsLimit bounds asking all of an environment: somebody's request waits.
const holdsLimit = time.Second

// Holds is whether a process of an environment has a socket of this server's user
// open, named by its inode (proc(5)): where all run as one user nothing else tells
// an environment's own connections from others. What does not answer holds none.
func (d *Driver) Holds(ctx context.Context, owner, inode string) bool {
	if d.users {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, holdsLimit)
	defer cancel()
	for _, kind := range []string{"workload", "task"} {
		controls, _ := filepath.Glob(filepath.Join(d.home(owner), kind, "*", shim.Socket))
		for _, control := range controls {
			if reply, err := question(ctx, filepath.Dir(control), shim.Request{Op: shim.Holds, Socket: inode}); err == nil && reply.Holds {
				return true
			}
		}
	}
	return false
}
