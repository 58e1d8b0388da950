package e2e

import (
	"bufio"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process"
	"offshoot/internal/staging"
)

type running struct {
	cmd  *exec.Cmd
	done chan error
}

type key struct{}

// clean ends the server and everything that it left running.
func clean(ctx context.Context, t *testing.T, data string, r *running) {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		<-r.done
	}
	cleanEngine(ctx, t, data)
	if _, err := os.Stat(filepath.Join(data, "env")); err != nil {
		return
	}
	d, err := process.New(process.Config{Dir: data, Log: slog.New(slog.DiscardHandler), Shape: process.Shape(os.Getenv(shapeVariable))})
	if err != nil {
		t.Error(err)
		return
	}
	deleteScopes(ctx, t, d)
}

// deleteScopes takes away all environments that a driver lists.
func deleteScopes(ctx context.Context, t *testing.T, d platform.Driver) {
	all, err := d.List(ctx, "")
	if err != nil {
		t.Error(err)
	}
	for _, o := range all {
		if o.Kind == staging.ResourceScope {
			if err := d.Delete(ctx, platform.Ref{Kind: o.Kind, Name: o.Name, Owner: o.Owner}); err != nil {
				t.Error(err)
			}
		}
	}
}

// serve starts a server on free ports and sets OFFSHOOT_SERVER and EDGE; with
// -same it is at the addresses of the one before.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	r := ts.Value(key{}).(*running)
	api, edge := "127.0.0.1:0", "127.0.0.1:0"
	if len(args) > 0 && args[0] == "-same" {
		api, edge, args = strings.TrimPrefix(ts.Getenv("OFFSHOOT_SERVER"), "http://"), strings.TrimPrefix(ts.Getenv("EDGE"), "http://"), args[1:]
	}
	if platform := ts.Getenv(platformVariable); platform != "" && !slices.Contains(args, "--platform") {
		args = append([]string{"--platform", platform}, args...)
	}
	cmd := exec.Command("offshoot", append([]string{"server", "--listen", api, "--edge-listen", edge}, args...)...)
	cmd.Path = filepath.Join(strings.Split(ts.Getenv("PATH"), ":")[0], "offshoot")
	cmd.Err = nil
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "OFFSHOOT_DATA_DIR=" + ts.Getenv("OFFSHOOT_DATA_DIR"), "HOME=" + ts.Getenv("HOME"), shapeVariable + "=" + os.Getenv(shapeVariable), engineVariable + "=" + os.Getenv(engineVariable)}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		ts.Fatalf("the server said nothing: %v", err)
	}
	for _, field := range strings.Fields(line) {
		if v, ok := strings.CutPrefix(field, "api="); ok {
			ts.Setenv("OFFSHOOT_SERVER", v)
		}
		if v, ok := strings.CutPrefix(field, "edge="); ok {
			ts.Setenv("EDGE", v)
		}
	}
	r.cmd, r.done = cmd, make(chan error, 1)
	go func() { r.done <- cmd.Wait() }()
}

// halt ends the server: by SIGTERM, or SIGKILL with -9. It is not called stop:
// that is testscript's own, and ends a script there.
func halt(ts *testscript.TestScript, _ bool, args []string) {
	r := ts.Value(key{}).(*running)
	signal := syscall.SIGTERM
	if len(args) > 0 && args[0] == "-9" {
		signal = syscall.SIGKILL
	}
	ts.Check(r.cmd.Process.Signal(signal))
	err := <-r.done
	r.cmd = nil
	if signal == syscall.SIGTERM && err != nil {
		ts.Fatalf("the server ended with %v", err)
	}
}
