//go:build linux

package process_test

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"offshoot/internal/componenttest"
	"offshoot/internal/platform/process"
	"offshoot/internal/staging"
)

// shapeVariable says in which shape the tests of a process run; it is set by
// TestInEveryShape.
const shapeVariable = "OFFSHOOT_PROCESS_SHAPE"

func shape() process.Shape { return process.Shape(os.Getenv(shapeVariable)) }

// ordinary is the user that tests run as which must not be root.
const ordinary = 1_899_999_998

// folder is an empty folder that every user may read and write.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "folder-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestInEveryShape runs all tests of this package again as an ordinary user,
// with and without user namespaces, and as a root that may make no namespaces.
func TestInEveryShape(t *testing.T) {
	if shape() != "" || os.Geteuid() != 0 {
		if shape() != "" {
			t.Skip("it is run in another shape already")
		}
		componenttest.Missing(t, "root", "only root can change to other users")
	}
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]struct {
		shape process.Shape
		user  uint32
	}{"userns": {process.ShapeUser, ordinary}, "plain": {process.ShapePlain, ordinary}, "plain-root": {process.ShapePlain, 0}} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "shape-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			program := filepath.Join(dir, "test")
			if err := os.WriteFile(program, text, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(dir, int(run.user), int(run.user)); err != nil {
				t.Fatal(err)
			}
			if run.user == 0 {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(program, "-test.v", "-test.timeout=10m")
			cmd.Dir = dir
			cmd.Env = []string{"PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "TMPDIR=" + dir, shapeVariable + "=" + string(run.shape),
				componenttest.Variable + "=" + os.Getenv(componenttest.Variable)}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: run.user, Gid: run.user}}
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "no way to run processes apart") && !componenttest.Required("userns") && run.shape == process.ShapeUser {
				t.Skip("this host has no unprivileged user namespaces")
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "--- SKIP") || err != nil {
					t.Log(strings.TrimSpace(line))
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestABusyHostIsNoLesserHost holds that a try which does not end in time says
// nothing: no server keeps workloads apart less for it. What an earlier one has
// found out holds.
func TestABusyHostIsNoLesserHost(t *testing.T) {
	c := process.Config{Dir: folder(t), Log: slog.New(slog.DiscardHandler), Shape: shape(), Patience: time.Nanosecond}
	if _, err := process.New(c); staging.CodeOf(err) != staging.CodeTimeout {
		t.Errorf("nothing could be tried: %v", err)
	}
	c.Patience = 0
	calm, err := process.New(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Patience = time.Nanosecond
	busy, err := process.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := busy.Traits().Isolation, calm.Traits().Isolation; got != want {
		t.Errorf("%q, where it was %q", got, want)
	}
}

// TestServersBeginAtTheSameTime holds that what one server tries while it begins
// is nothing to another that begins on the same host: each finds what the host
// lets it do.
func TestServersBeginAtTheSameTime(t *testing.T) {
	want := newHost(t).Traits().Isolation
	var all sync.WaitGroup
	for range 3 { // of few, one often ends while another is about to begin
		dir := folder(t) // each server's own, which the users of environments may pass through
		all.Go(func() {
			for range 25 {
				d, err := process.New(process.Config{Dir: dir, Log: slog.New(slog.DiscardHandler), Shape: shape()})
				if err != nil {
					t.Error(err)
				} else if got := d.Traits().Isolation; got != want {
					t.Errorf("one of many says %q, one alone %q", got, want)
				}
			}
		})
	}
	all.Wait()
}
