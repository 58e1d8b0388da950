// Package wiring builds the program: it is the only package that knows every
// driver.
package wiring

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/storage"
)

// ServerConfig is what a person says of a server.
type ServerConfig struct {
	Dir        string
	Listen     string
	EdgeListen string
	Domain     string
	// Platform is where environments run of projects that name none.
	Platform string
	// DockerHost is the engine as DOCKER_HOST names it, "" for the usual one.
	DockerHost string
	// PublicURL is the pattern of environments' URLs, "" for the edge's own.
	PublicURL string
	Version   string
	Log       *slog.Logger
	// Ready is called with the addresses and the administrator's token.
	Ready  func(api, edge, token string)
	Upkeep Upkeep
	// Slots is how many environments are deployed at a time, 0 for what suits
	// the machine.
	Slots int
}

// Serve runs a server until ctx ends, then leaves what runs running.
func Serve(ctx context.Context, c ServerConfig) (err error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	c.Dir = dir
	calmSysmon()
	keepInherited()
	if err := os.MkdirAll(c.Dir, 0o711); err != nil {
		return staging.Errorf(staging.CodeRefused, "choose another --data-dir", "data folder: %w", err)
	}
	if err := storage.Own(c.Dir); err != nil {
		return err
	}
	unlock, err := lock(c.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := storage.Open(ctx, c.Dir); err != nil {
		return err
	}
	apiListener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return staging.Errorf(staging.CodeRefused, "choose another --listen", "listen: %w", err)
	}
	defer func() { _ = apiListener.Close() }()
	edgeListener, err := net.Listen("tcp", c.EdgeListen)
	if err != nil {
		return staging.Errorf(staging.CodeRefused, "choose another --edge-listen", "listen: %w", err)
	}
	defer func() { _ = edgeListener.Close() }()
	s, err := build(ctx, c, edgeListener.Addr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	defer s.runtime.Close()
	return s.run(ctx, c, apiListener, edgeListener)
}

func now() time.Time { return time.Now().UTC() }
