//go:build !linux

package process

import (
	"context"
	"runtime"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Driver is none: a shim is of Linux. The program is a client there.
type Driver struct{ platform.Driver }

// New refuses.
func New(Config) (*Driver, error) {
	return nil, staging.Refused("run the server on Linux, in a virtual machine for example, and let this program be its client: --server, or offshoot login URL",
		"environments run as processes of Linux, and this is %s", runtime.GOOS)
}

// Users, Seclude, Holds, Watch and Prune are never called: there is no Driver.
func (*Driver) Users(context.Context, string) (service, data int, err error) { return 0, 0, nil }

// Seclude is never asked.
func (*Driver) Seclude(string) error { return nil }

// Holds is never asked.
func (*Driver) Holds(context.Context, string, string) bool { return false }

// Watch has nothing to see.
func (*Driver) Watch(context.Context, func(owner string)) error { return nil }

// Prune has nothing to remove.
func (*Driver) Prune(context.Context, map[string]bool) error { return nil }
