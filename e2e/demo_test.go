package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demoLimit bounds one run of the demo; the first compiles the shop.
const demoLimit = 15 * time.Minute

// TestDemo runs the demo as `make demo ONCE=1` does, kills one, and sees that
// the next one takes away what that left.
func TestDemo(t *testing.T) {
	require(t)
	bin, cache := program(t), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), demoLimit)
	defer cancel()
	demo := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, bin, append([]string{"demo"}, args...)...)
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = time.Minute
		return cmd
	}
	once := func() {
		t.Helper()
		var out, told bytes.Buffer
		cmd := demo("--once")
		cmd.Stdout, cmd.Stderr = &out, &told
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, told.String())
		}
		for _, want := range []string{`(?m)^http://main\.shop\.localhost:\d+$`, `(?m)^http://new-cool-page\.shop\.localhost:\d+$`, `(?m)^http://127\.0\.0\.1:\d+/$`,
			`release +\d+ +\d+`, `all +\d+ +\d+`} {
			if !regexp.MustCompile(want).Match(out.Bytes()) {
				t.Errorf("no %s in\n%s", want, out.String())
			}
		}
		if left := below(t, cache); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
	once()

	killed := demo()
	watch := &seen{text: "press Ctrl-C", found: make(chan struct{})}
	killed.Stderr = watch
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-watch.found:
	case <-ctx.Done():
	}
	_ = killed.Process.Kill()
	_ = killed.Wait()
	if len(below(t, cache)) < 5 {
		t.Fatal("nothing runs on after a kill: what looks for leftovers sees none")
	}
	once()
}

// seen closes found once a text was written to it.
type seen struct {
	text  string
	found chan struct{}
	all   strings.Builder
}

func (s *seen) Write(p []byte) (int, error) {
	before := strings.Contains(s.all.String(), s.text)
	s.all.Write(p)
	if !before && strings.Contains(s.all.String(), s.text) {
		close(s.found)
	}
	return len(p), nil
}

// below is each environment, mount and process of a demo that has its data
// below dir.
func below(t *testing.T, dir string) []string {
	t.Helper()
	left, _ := filepath.Glob(filepath.Join(dir, "offshoot", "demo", "data", "env", "env_*"))
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), dir) {
		left = append(left, "a mount")
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		// A shim and what it runs see the demo's folders in their own mounts.
		own, err := os.ReadFile(filepath.Join(p, "mountinfo"))
		if err == nil && strings.Contains(string(own), dir) {
			name, _ := os.ReadFile(filepath.Join(p, "cmdline"))
			left = append(left, "process "+filepath.Base(p)+" "+string(name))
		}
	}
	return left
}
