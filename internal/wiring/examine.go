package wiring

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/client"

	"offshoot/internal/cli"
	"offshoot/internal/doctor"
	"offshoot/internal/engine"
	"offshoot/internal/fence"
	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/process"
	"offshoot/internal/wire"
)

// examine looks at this host.
func examine(ctx context.Context, o cli.DoctorOptions) ([]wire.Check, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	h := doctor.Host{Dir: dir, Listen: o.Listen, EdgeListen: o.EdgeListen, Running: o.Running, Domain: o.Domain,
		Engines: engine.New(filepath.Join(dir, "runtime")), Fetches: engine.Fetchable, Platform: traits, Fence: fences()}
	engineHost := os.Getenv("DOCKER_HOST")
	if _, err := os.Stat(strings.TrimPrefix(client.DefaultDockerHost, "unix://")); err == nil || engineHost != "" {
		h.Docker = func(ctx context.Context) (string, []string, error) { return docker.Examine(ctx, engineHost) }
	}
	items := []wire.Check{}
	for _, c := range h.Examine(ctx) {
		items = append(items, wire.Check{Name: c.Name, State: string(c.State), Message: c.Message, Remedy: c.Remedy})
	}
	return items, nil
}

// fences tries a fence where an engine may be, by where it is told of or usually is.
func fences() func() error {
	if _, err := os.Stat("/var/run/docker.sock"); err != nil && os.Getenv("DOCKER_HOST") == "" {
		return nil
	}
	return fence.Try
}

// traits asks a process platform on an empty folder, so that a server's own is
// not touched.
func traits() (platform.Traits, error) {
	dir, err := os.MkdirTemp("", "offshoot-doctor-")
	if err != nil {
		return platform.Traits{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d, err := process.New(process.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return platform.Traits{}, err
	}
	return d.Traits(), nil
}
