package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// ownEngineVariable is the folder of the engine that scripts may end, set in the
// network namespace that it lives in: a second engine in one namespace would
// take the first one's rules away.
const ownEngineVariable = "E2E_OWN_ENGINE"

// ownImages are what scripts run on an engine of their own.
var ownImages = []string{"debian-base:12", "postgres:15", "redis:7", "app:1"}

// TestAnEngineThatEnds runs the scripts of testdata/engine, which end and begin
// their engine as they like.
func TestAnEngineThatEnds(t *testing.T) {
	if dir := os.Getenv(ownEngineVariable); dir != "" {
		inOwnNamespace(t, dir)
		return
	}
	needsEngine(t)
	require(t)
	dir, err := os.MkdirTemp("/tmp", "engine-") // sockets lie in it: a short name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := engineScript(dir, "down"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if out, err := exec.Command("docker", append([]string{"save", "--output", filepath.Join(dir, "images.tar")}, ownImages...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.v", "-test.timeout=20m", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), ownEngineVariable+"="+dir, programVariable+"="+program(t), engineVariable+"=unix://"+filepath.Join(dir, "docker.sock"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in its namespace: %v", err)
	}
}

// engineScript runs .ci/engine for the engine of a folder.
func engineScript(dir, what string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "../.ci/engine", what)
	cmd.Env = append(os.Environ(), "OFFSHOOT_ENGINE="+dir)
	return cmd.CombinedOutput()
}

func inOwnNamespace(t *testing.T, dir string) {
	// What it keeps lies on a disk that scripts may fill.
	disk, data := filepath.Join(dir, "disk.image"), filepath.Join(dir, "data")
	for _, args := range [][]string{{"mount", "--make-rprivate", "/"}, {"ip", "link", "set", "lo", "up"},
		{"truncate", "-s", "4G", disk}, {"mkfs.ext4", "-q", "-m", "0", disk}, {"mkdir", data}, {"mount", "-o", "loop", disk, data}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	if out, err := engineScript(dir, "start"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := engineScript(dir, "down"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	images := filepath.Join(dir, "images.tar")
	if out, err := exec.Command("docker", "load", "--input", images).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Remove(images); err != nil {
		t.Fatal(err)
	}
	p := scripts(t)
	p.Dir = "testdata/engine"
	// engine start|kill [BRANCH POINT]: where a deployment has come to a point.
	p.Cmds["engine"] = func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) > 1 {
			if doing := reach(ts, args[1], args[2]); !strings.HasPrefix(doing, "running") {
				ts.Fatalf("%s of %s was over: %s", args[2], args[1], doing)
			}
		}
		out, err := engineScript(dir, args[0])
		if err != nil {
			ts.Fatalf("engine %s: %v\n%s", args[0], err, out)
		}
	}
	inner := p.Setup
	p.Setup = func(e *testscript.Env) error {
		e.Setenv(platformVariable, "docker")
		e.Setenv(engineVariable, os.Getenv(engineVariable))
		e.Setenv("ENGINE_DATA", data)
		return inner(e)
	}
	testscript.Run(t, p)
}
