//go:build !linux

package docker

import (
	"context"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// hangUp ends nothing: processes of containers are none of this host's.
func (d *Driver) hangUp(context.Context, string) error { return nil }

// Listening implements platform.Lookout.
func (d *Driver) Listening(context.Context, platform.Ref) ([]string, error) {
	return nil, staging.NotBuilt("seeing where a container listens, on this system,")
}

// exposed are none: whether something listens there is not seen.
func exposed(network.PortSet) []int { return nil }

// deaf is not known of processes of another system.
func (d *Driver) deaf(container.InspectResponse, string) bool { return false }
