package docker

import (
	"context"
	"slices"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

// podman is how Podman names itself to who asks an engine for its version.
const podman = "Podman Engine"

// fits refuses an engine on which no environment can run, before anything is made
// there. Podman speaks this API without the parts by which BuildKit is spoken to,
// and its networks have no address on the host before something runs in them; an
// engine without root keeps its networks from the host.
func (e engine) fits(ctx context.Context, info system.Info) error {
	v, err := call(ctx, e, lookTime, "say its version", func(ctx context.Context) (client.ServerVersionResult, error) {
		return e.client.ServerVersion(ctx, client.ServerVersionOptions{})
	})
	if err != nil {
		return err
	}
	const hint = "name another with --docker-host, or run processes: --platform process"
	for _, c := range v.Components {
		if c.Name == podman {
			return staging.Errorf(staging.ClassCode(staging.ClassPlatform), hint, "the engine at %s is Podman %s: it has no BuildKit, which builds images, and its networks do not reach the server", e.host, c.Version)
		}
	}
	if slices.Contains(info.SecurityOptions, "name=rootless") {
		return staging.Errorf(staging.ClassCode(staging.ClassPlatform), hint, "the Docker engine at %s runs without root: this host does not reach its containers by their addresses", e.host)
	}
	return nil
}
