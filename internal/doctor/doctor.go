// Package doctor looks at a host with the eyes of a server: what it needs,
// what it can do without, and what to do about either.
//
// It changes nothing, and needs no server.
package doctor

import (
	"context"

	"offshoot/internal/datastore"
	"offshoot/internal/platform"
)

// State is how well something is.
type State string

// The states of a check.
const (
	OK   State = "ok"
	Warn State = "warn"
	Fail State = "fail"
)

// Check is one thing that was looked at; Remedy says what to do where State is
// not OK.
type Check struct {
	Name            string
	State           State
	Message, Remedy string
}

// Host is what is looked at.
type Host struct {
	// Dir is a server's data folder; it need not exist.
	Dir string
	// Listen and EdgeListen are the addresses of a server, and Running whether
	// it is one of ours that listens there.
	Listen, EdgeListen string
	Running            bool
	// Domain is the suffix of environments' names.
	Domain string
	// Engines finds servers and clients, and Fetches says whether one that is
	// missing is fetched when it is first needed.
	Engines interface {
		List(ctx context.Context, kind string) ([]datastore.Engine, error)
	}
	Fetches func(ctx context.Context, kind string) error
	// Platform looks at what the process platform can do here.
	Platform func() (platform.Traits, error)
	// Fence tries whether networks of containers can be fenced here; nil does not
	// look.
	Fence func() error
	// Docker says what the engine is that a server here uses, and what that
	// cannot do; nil where none is meant to be.
	Docker func(ctx context.Context) (what string, cannot []string, err error)
}

// Examine looks at everything, in an order that reads well.
func (h Host) Examine(ctx context.Context) []Check {
	var all []Check
	for _, look := range []func(context.Context) []Check{h.git, h.platform, h.docker, h.overlay, h.limits, h.folder, h.copies, h.space, h.engines, h.ports, h.names, h.resolver, h.fence, h.clock} {
		all = append(all, look(ctx)...)
	}
	return all
}

func ok(name, message string) []Check { return []Check{{Name: name, State: OK, Message: message}} }

func warn(name, message, remedy string) []Check {
	return []Check{{Name: name, State: Warn, Message: message, Remedy: remedy}}
}

func fail(name, message, remedy string) []Check {
	return []Check{{Name: name, State: Fail, Message: message, Remedy: remedy}}
}
