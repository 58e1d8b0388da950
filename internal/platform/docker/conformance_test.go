package docker_test

import (
	"log/slog"
	"os"
	"testing"

	"offshoot/internal/componenttest"
	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/docker/hold"
	"offshoot/internal/platform/platformtest"
)

// TestMain lets this program hold containers.
func TestMain(m *testing.M) {
	hold.Main()
	componenttest.Parallel(2)
	m.Run()
}

func TestConformance(t *testing.T) {
	host := engine(t)
	platformtest.Run(t, func(t *testing.T) platformtest.World {
		dir := t.TempDir()
		return platformtest.World{
			Open: func(t *testing.T) platform.Driver {
				return open(t, docker.Config{Dir: dir, Host: host, Builder: plainBuilder, Holder: self(t)})
			},
			Build:   buildOf(host),
			Command: platformtest.Shell,
			Image:   "debian-base:12",
		}
	})
}

// self is this program.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// engine is the engine that tests use (.ci/engine), as DOCKER_HOST names it.
func engine(t *testing.T) string {
	t.Helper()
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		componenttest.Missing(t, "docker", "DOCKER_HOST is not set")
	}
	return host
}

func open(t *testing.T, c docker.Config) *docker.Driver {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	d, err := docker.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
