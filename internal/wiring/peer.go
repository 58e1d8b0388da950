package wiring

import (
	"context"
	"os"

	"offshoot/internal/reconcile"
)

// peer is who is at the other end of a connection of this machine: the user, and
// the inode of the socket.
type peer struct {
	uid   int
	inode string
}

// holder knows what runs in environments.
type holder interface {
	reconcile.Users
	Holds(ctx context.Context, environment, inode string) bool
}

// own is whether a connection comes from an environment's own services: they run
// as users of their own, or hold its socket where the host has no such users.
func own(platform holder) func(environment, remote string) bool {
	return func(environment, remote string) bool {
		p, ok := behind(remote)
		if !ok {
			return false
		}
		ctx := context.Background() // each answers soon
		if p.uid == os.Getuid() {
			return platform.Holds(ctx, environment, p.inode)
		}
		service, data, err := platform.Users(ctx, environment)
		return err == nil && (p.uid == service || p.uid == data)
	}
}
