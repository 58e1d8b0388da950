package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"offshoot/internal/componenttest"
	"offshoot/internal/fence"
	"offshoot/internal/platform/docker"
)

// engineVariable names the engine that scripts use (.ci/engine).
const engineVariable = "DOCKER_HOST"

// platformVariable is the platform of a script's servers, where it names none.
const platformVariable = "PLATFORM"

// TestScriptsOnDocker plays the same scripts on the other platform. Those skip
// there which are about programs of the host.
func TestScriptsOnDocker(t *testing.T) {
	t.Parallel()
	needsEngine(t)
	p := scripts(t)
	p.Dir = "testdata/script"
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		e.Vars = append(e.Vars, platformVariable+"=docker")
		return setup(e)
	}
	p.Condition = func(name string) (bool, error) {
		if name == "containers" {
			return true, nil
		}
		return condition(name)
	}
	testscript.Run(t, p)
}

// needsEngine ends a test that has none to use, or may not use it.
func needsEngine(t *testing.T) {
	t.Helper()
	if os.Getenv(engineVariable) == "" {
		componenttest.Missing(t, "docker", engineVariable+" is not set")
	}
	if os.Geteuid() != 0 {
		componenttest.Missing(t, "root", "data directories are given to the users of servers")
	}
}

func engineThere() (bool, error) {
	there := os.Getenv(engineVariable) != ""
	if !there && componenttest.Required("docker") {
		return false, fmt.Errorf("docker is missing: %s is not set", engineVariable)
	}
	return there, nil
}

// engineOf is the driver of a script's server, nil where that never spoke with
// an engine.
func engineOf(data string) (*docker.Driver, error) {
	host := os.Getenv(engineVariable)
	if _, err := os.Stat(filepath.Join(data, "docker")); err != nil || host == "" {
		return nil, nil //nolint:nilerr // there was none
	}
	return docker.New(docker.Config{Dir: data, Host: host, Log: slog.New(slog.DiscardHandler)})
}

// cleanEngine takes away what a script left on the engine.
func cleanEngine(ctx context.Context, t *testing.T, data string) {
	d, err := engineOf(data)
	if err != nil || d == nil {
		if err != nil {
			t.Error(err)
		}
		return
	}
	defer func() { _ = d.Close() }()
	deleteScopes(ctx, t, d)
	if err := d.RemovePrograms(ctx); err != nil {
		t.Error(err)
	}
}

// nothingOnEngine sees that the engine has nothing of a script's server.
func nothingOnEngine(ts *testscript.TestScript) {
	d, err := engineOf(ts.Getenv("OFFSHOOT_DATA_DIR"))
	ts.Check(err)
	if d == nil {
		return
	}
	defer func() { _ = d.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	all, err := d.List(ctx, "")
	ts.Check(err)
	for _, o := range all {
		ts.Fatalf("%s is left on the engine", o.Name)
	}
	id, err := os.ReadFile(filepath.Join(ts.Getenv("OFFSHOOT_DATA_DIR"), "docker", "id"))
	ts.Check(err)
	stands, err := fence.New(strings.Trim(strings.TrimSpace(string(id)), `"`)).Stands()
	ts.Check(err)
	if stands {
		ts.Fatalf("a fence is left")
	}
}
