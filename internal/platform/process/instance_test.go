//go:build linux

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

func TestATaskRunsOnce(t *testing.T) {
	h := newHost(t)
	artifact := folder(t)
	if err := os.WriteFile(filepath.Join(artifact, "code"), []byte("original"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(artifact, "code"), 0o666); err != nil {
		t.Fatal(err)
	}
	r := task("look", `echo "$GREETING"; cat /app/code; echo; echo changed > code; cat code; echo err >&2; cat /proc/1/environ 2>&1; echo $$; exit 7`)
	r.Workload.Artifact, r.Workload.Env = artifact, map[string]string{"GREETING": "hello", mark: "1"}
	o, out := h.run(r)
	if o.ExitCode == nil || *o.ExitCode != 7 {
		t.Errorf("exit code %v, reason %q", o.ExitCode, o.Reason)
	}
	for _, want := range []string{"hello\n", "original\n", "changed\n", "err\n", "Permission denied"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the output:\n%s", want, out)
		}
	}
	if again := h.apply(r); again.ExitCode == nil || h.logs(r) != out {
		t.Errorf("a second Apply ran the task again: %+v", again)
	}
	if _, err := h.Apply(h.ctx, platform.Resource{Kind: r.Kind, Name: r.Name, Owner: "env_a", SpecHash: "other", Workload: r.Workload}); err == nil {
		t.Error("another specification under the same name was taken")
	}
}

func TestDeleteTakesEveryDescendant(t *testing.T) {
	h := newHost(t)
	r := workload("stubborn", `trap '' TERM HUP; (trap '' TERM HUP; setsid sh -c "trap '' TERM; echo up; while :; do read x < /dev/zero; done" &) ; while :; do wait; read x < /dev/zero; done`)
	h.apply(r)
	h.says(r, "up")
	if before := processesOf(t); len(before) < 2 {
		t.Fatalf("processes %v", before)
	}
	if err := h.Delete(h.ctx, ref(r)); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if o, err := h.Observe(h.ctx, ref(r)); err != nil || o.Presence != staging.Absent {
		t.Errorf("%+v, %v", o, err)
	}
	if err := h.Delete(h.ctx, ref(r)); err != nil {
		t.Errorf("a second delete: %v", err)
	}
}

// mark is in the environment of everything that a test of this process starts.
var mark = "TEST_OF_" + strconv.Itoa(os.Getpid())

// processesOf are the processes of what the tests started.
func processesOf(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dir := range dirs {
		env, _ := os.ReadFile(dir + "/environ")
		status, _ := os.ReadFile(dir + "/status")
		if strings.Contains(string(env), mark+"=1") && !strings.Contains(string(status), "zombie") {
			found = append(found, dir)
		}
	}
	return found
}

func TestACrashIsAnsweredByANewStart(t *testing.T) {
	h := newHost(t)
	r := workload("crash", `echo run; kill -9 $$`)
	h.apply(r)
	o := h.until(r, func(o staging.Observation) bool { return o.Restarts >= 2 })
	if !strings.Contains(o.Reason, "killed") || strings.Count(h.logs(r), "run") < 2 {
		t.Errorf("%+v\n%s", o, h.logs(r))
	}
	h.until(r, func(o staging.Observation) bool { return o.Run == staging.RunFailing })
}

func TestANewServerAdoptsWhatRuns(t *testing.T) {
	h := newHost(t)
	r := workload("stay", `echo started; while :; do read x < /dev/zero; done`)
	h.apply(r)
	h.says(r, "started")
	first := h.until(r, func(o staging.Observation) bool { return o.Run == staging.RunRunning })
	h.Driver = h.server()
	if again := h.apply(r); again.Ref != first.Ref || again.Presence != staging.Present {
		t.Errorf("adopted %+v, started %+v", again, first)
	}
	all, err := h.List(h.ctx, "env_a")
	if err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	pid, _ := strconv.Atoi(first.Ref)
	_ = syscall.Kill(pid, syscall.SIGKILL)
	h.until(r, func(o staging.Observation) bool { return o.Presence == staging.Absent })
	for shape() == process.ShapePlain && len(processesOf(t)) > 0 && h.ctx.Err() == nil {
		runtime.Gosched() // where no namespace ends with it, the command dies of its shim's death a little later
	}
	if left := processesOf(t); len(left) != 0 {
		t.Errorf("the shim's end left %v", left)
	}
	if o := h.apply(r); o.Presence != staging.Present || o.Ref == first.Ref {
		t.Errorf("after the shim was killed: %+v", o)
	}
}

func TestATaskThatWasCutOffIsNotRunAgain(t *testing.T) {
	h := newHost(t)
	r := task("migrate", `echo began; while :; do read x < /dev/zero; done`)
	h.apply(r)
	h.says(r, "began")
	o := h.until(r, func(o staging.Observation) bool { return o.Run == staging.RunRunning })
	pid, _ := strconv.Atoi(o.Ref)
	_ = syscall.Kill(pid, syscall.SIGKILL)
	o = h.until(r, exited)
	if o.ExitCode != nil || !strings.Contains(o.Reason, "not known") {
		t.Errorf("%+v", o)
	}
	if o := h.apply(r); o.Run != staging.RunExited || strings.Count(h.logs(r), "began") != 1 {
		t.Errorf("%+v", o)
	}
}

func TestTimeLimit(t *testing.T) {
	h := newHost(t)
	r := task("hang", `while :; do read x < /dev/zero; done`)
	r.Workload.Timeout = 50 * time.Millisecond
	if o, _ := h.run(r); o.ExitCode == nil || *o.ExitCode != shim.CodeTimeout || !strings.Contains(o.Reason, "longer than") {
		t.Errorf("%+v", o)
	}
}

func TestMemoryLimit(t *testing.T) {
	h := newHost(t)
	limitsMemory(t, h.Driver)
	r := task("eat", `x=0123456789; while :; do x=$x$x; done`)
	r.Workload.Limits = staging.Limits{Memory: 32 << 20}
	if o, _ := h.run(r); o.ExitCode == nil || *o.ExitCode != 137 {
		t.Errorf("%+v", o)
	}
}

func TestATaskEndsWithItsCommandNotWithWhatItLeft(t *testing.T) {
	h := newHost(t)
	r := task("left", `trap '' TERM; (while :; do read x < /dev/zero; done) & echo done`)
	if o, out := h.run(r); o.ExitCode == nil || *o.ExitCode != 0 || out != "done\n" {
		t.Errorf("%+v\n%s", o, out)
	}
	if left := processesOf(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSignalsAreAsAProgramExpects(t *testing.T) {
	h := newHost(t)
	r := task("signals", `grep SigIgn /proc/self/status`)
	_, out := h.run(r)
	var ignored uint64
	if _, err := fmt.Sscanf(out, "SigIgn: %x", &ignored); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// 32 and above are the C library's own: make starts its children with them ignored.
	if ignored&(1<<31-1) != 0 {
		t.Errorf("signals are ignored: %s", out)
	}
}

func TestMissingProgramIsSaid(t *testing.T) {
	h := newHost(t)
	r := task("missing", "")
	r.Workload.Command = staging.Command{Args: []string{"no-such-program"}}
	if o, _ := h.run(r); o.ExitCode == nil || *o.ExitCode != shim.CodeNotStarted || !strings.Contains(o.Reason, "no-such-program") {
		t.Errorf("%+v", o)
	}
}

// A script that names no interpreter runs, by its path alone, as from a shell.
func TestScriptWithoutAnInterpreter(t *testing.T) {
	h := newHost(t)
	r := task("script", "")
	r.Workload.Artifact = folder(t)
	if err := os.WriteFile(filepath.Join(r.Workload.Artifact, "release"), []byte("echo released $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.Workload.Command = staging.Command{Shell: "./release all"}
	if o, out := h.run(r); o.ExitCode == nil || *o.ExitCode != 0 || !strings.Contains(out, "released all") {
		t.Errorf("%+v: %s", o, out)
	}
}

func TestAnImpatientDeleteKillsNothing(t *testing.T) {
	h := newHost(t)
	r := workload("slow", `n=0; trap 'echo asked; n=$((n+1)); [ $n = 2 ] && exit 0' TERM; echo up; while :; do sleep 1; done`)
	r.Workload.StopGrace = time.Minute
	h.apply(r)
	h.says(r, "up")
	ctx, cancel := context.WithCancel(h.ctx)
	done := make(chan error, 1)
	go func() { done <- h.Delete(ctx, ref(r)) }()
	h.says(r, "asked")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("impatient delete: %v", err)
	}
	o, err := h.Observe(h.ctx, ref(r))
	if err != nil || o.Presence != staging.Present || o.Run != staging.RunRunning {
		t.Errorf("%+v, %v", o, err)
	}
	if err := h.Delete(h.ctx, ref(r)); err != nil {
		t.Errorf("patient delete: %v", err)
	}
}

// processEnds waits for a shim: it outlives the word of its end while the kernel
// undoes its view.
func processEnds(t *testing.T, ref string) {
	t.Helper()
	pid, err := strconv.Atoi(ref)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	n, err := 0, error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Minute/time.Millisecond))
	}
	if n != 1 {
		t.Fatalf("process %d does not end: %v", pid, err)
	}
}

// What was written down and never begun, because the server died in between,
// is begun by the next one; what may have begun is not.
func TestWhatNeverBeganIsBegun(t *testing.T) {
	h := newHost(t)
	r := task("migrate", "echo ran")
	h.apply(r)
	first := h.until(r, exited)
	processEnds(t, first.Ref)
	dir := filepath.Join(h.dir, "env", filepath.FromSlash(r.Name))
	if err := os.Remove(filepath.Join(dir, shim.ExitFile)); err != nil {
		t.Fatal(err)
	}
	if o := h.apply(r); o.Ref != first.Ref || o.ExitCode != nil {
		t.Errorf("its end is not known, and it is %+v", o)
	}
	if err := os.Remove(filepath.Join(dir, shim.StatusFile)); err != nil {
		t.Fatal(err)
	}
	if o, err := h.Observe(h.ctx, ref(r)); err != nil || o.Presence != staging.Absent {
		t.Errorf("never begun, and %+v, %v", o, err)
	}
	h.apply(r)
	if o := h.until(r, exited); o.Ref == first.Ref || o.ExitCode == nil || *o.ExitCode != 0 {
		t.Errorf("%+v", o)
	}
}

// TestWhatMultipliesEndsSomewhere starts processes without end.
func TestWhatMultipliesEndsSomewhere(t *testing.T) {
	h := newHost(t)
	limitsMemory(t, h.Driver) // and with it the number of processes
	r := task("many", `i=0; while [ $i -lt 6000 ] && sleep 60 & do i=$((i+1)); done 2>/dev/null; echo $i`)
	if o, out := h.run(r); strings.Contains(out, "6000") {
		t.Errorf("6000 processes were started: %+v", o)
	}
}
