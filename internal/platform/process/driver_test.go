//go:build linux

package process_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

func TestMain(m *testing.M) {
	shim.Main()
	os.Exit(m.Run())
}

// required is whether CI says that a missing component is a failure.
func required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("OFFSHOOT_TEST_REQUIRE"), ","), name)
}

type host struct {
	*testing.T
	*process.Driver
	ctx context.Context
	dir string
}

func newHost(t *testing.T) *host {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	dir, err := os.MkdirTemp("", "host-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // environments' users pass through it
		t.Fatal(err)
	}
	h := &host{T: t, ctx: ctx, dir: dir}
	h.Driver = h.server()
	t.Cleanup(func() {
		all, err := h.List(ctx, "")
		if err != nil {
			t.Error(err)
		}
		for _, o := range all {
			if o.Kind == staging.ResourceScope {
				if err := h.Delete(ctx, platform.Ref{Kind: o.Kind, Name: o.Name, Owner: o.Owner}); err != nil {
					t.Error(err)
				}
			}
		}
		cancel()
	})
	h.apply(platform.Resource{Kind: staging.ResourceScope, Name: "env_a/scope/0"})
	return h
}

func (h *host) server() *process.Driver {
	d, err := process.New(process.Config{Dir: h.dir, Log: slog.New(slog.DiscardHandler), Shape: shape()})
	if err != nil {
		h.Fatal(err)
	}
	return d
}

func (h *host) apply(r platform.Resource) staging.Observation {
	h.Helper()
	r.Owner, _, _ = strings.Cut(r.Name, "/")
	o, err := h.Apply(h.ctx, r)
	if err != nil {
		h.Fatal(err)
	}
	return o
}

func task(name, command string) platform.Resource {
	return platform.Resource{Kind: staging.ResourceTask, Name: "env_a/task/" + name, SpecHash: command,
		Workload: &staging.WorkloadSpec{Service: name, Env: map[string]string{mark: "1"}, Command: staging.Command{Shell: command}, StopGrace: 100 * time.Millisecond}}
}

func workload(name, command string) platform.Resource {
	r := task(name, command)
	r.Kind, r.Name = staging.ResourceWorkload, "env_a/workload/"+name
	r.Workload.Restart = true
	return r
}

func ref(r platform.Resource) platform.Ref {
	return platform.Ref{Kind: r.Kind, Name: r.Name, Owner: "env_a"}
}

// until waits by events until the observation is as wanted.
func (h *host) until(r platform.Resource, wanted func(staging.Observation) bool) staging.Observation {
	h.Helper()
	o, err := h.Observe(h.ctx, ref(r))
	for err == nil && !wanted(o) {
		if h.ctx.Err() != nil {
			h.Fatalf("%s stays %+v", r.Name, o)
		}
		o, err = h.Wait(h.ctx, ref(r), o)
	}
	if err != nil {
		h.Fatal(err)
	}
	return o
}

func exited(o staging.Observation) bool { return o.Run == staging.RunExited }

func (h *host) logs(r platform.Resource) string {
	h.Helper()
	var b strings.Builder
	err := h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Names: []string{r.Name}, Tail: -1}, func(l platform.LogLine) error {
		if l.Stream != "offshoot" {
			fmt.Fprintln(&b, string(l.Text))
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return b.String()
}

// says blocks until r has written that line.
func (h *host) says(r platform.Resource, line string) {
	h.Helper()
	heard := errors.New("heard")
	err := h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Names: []string{r.Name}, Tail: -1, Follow: true}, func(l platform.LogLine) error {
		if string(l.Text) == line {
			return heard
		}
		return nil
	})
	if !errors.Is(err, heard) {
		h.Fatalf("waiting for %q: %v", line, err)
	}
}

func (h *host) run(r platform.Resource) (staging.Observation, string) {
	h.Helper()
	h.apply(r)
	return h.until(r, exited), h.logs(r)
}

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

func TestTheViewIsClosed(t *testing.T) {
	h := newHost(t)
	if shape() == process.ShapePlain {
		t.Skip("the shape plain has no view")
	}
	artifact := folder(t)
	if err := os.WriteFile(filepath.Join(artifact, "code"), []byte("original"), 0o666); err != nil {
		t.Fatal(err)
	}
	r := task("look", `id -un; echo changed > code; ls / | tr '\n' ' '; echo; ls -A /root 2>/dev/null; ls `+h.dir+` 2>&1; touch /usr/x 2>&1; touch /x 2>&1; getent hosts db; tty; echo $HOME; grep -c . /proc/self/mountinfo >/dev/null; grep CapBnd /proc/self/status`)
	if err := os.Chmod(filepath.Join(artifact, "code"), 0o666); err != nil {
		t.Fatal(err)
	}
	r.Workload.Artifact, r.Workload.Hosts = artifact, map[string]string{"db": "127.0.0.1"}
	_, out := h.run(r)
	for _, want := range []string{"app\n", "No such file", "127.0.0.1", "/home/app"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the output:\n%s", want, out)
		}
	}
	if os.Geteuid() == 0 && !strings.Contains(out, "CapBnd:\t0000000000000000") {
		t.Errorf("capabilities are left:\n%s", out)
	}
	for _, hidden := range []string{"var", "srv", "sys", ".ssh", ".bashrc"} {
		if strings.Contains(out, " "+hidden+" ") || strings.Contains(out, "\n"+hidden) {
			t.Errorf("%s is visible:\n%s", hidden, out)
		}
	}
	if n := strings.Count(out, "Read-only file system"); n != 2 {
		t.Errorf("%d of / and /usr are read-only:\n%s", n, out)
	}
	if text, _ := os.ReadFile(filepath.Join(artifact, "code")); string(text) != "original" {
		t.Errorf("the shared artifact became %q", text)
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
	if lacks := strings.Join(h.Traits().Lacks, ";"); strings.Contains(lacks, "memory") {
		if required("cgroup") && os.Geteuid() == 0 { // who is not root has no limits
			t.Fatal(lacks)
		}
		t.Skip(lacks)
	}
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

func TestEndpointsAndUsersAreGivenOnce(t *testing.T) {
	h := newHost(t)
	h.apply(platform.Resource{Kind: staging.ResourceScope, Name: "env_b/scope/0"})
	seen := map[string]string{}
	names := []string{"env_a/endpoint/web", "env_a/endpoint/db", "env_b/endpoint/web"}
	if os.Geteuid() == 0 {
		names = append(names, "env_a/scope/0", "env_b/scope/0")
	}
	for _, name := range names {
		_, rest, _ := strings.Cut(name, "/")
		kind, _, _ := strings.Cut(rest, "/")
		o := h.apply(platform.Resource{Kind: staging.ResourceKind(kind), Name: name})
		key := o.Address + o.Ref
		if other := seen[key]; other != "" || key == "" {
			t.Errorf("%s and %s both have %q", name, other, key)
		}
		seen[key] = name
		if again := h.apply(platform.Resource{Kind: staging.ResourceKind(kind), Name: name}); again.Address+again.Ref != key {
			t.Errorf("%s changed from %q to %+v", name, key, again)
		}
	}
}

func TestDeletingTheScopeLeavesNothing(t *testing.T) {
	h := newHost(t)
	owner := "env_left" + strconv.Itoa(os.Getpid())
	scope := platform.Resource{Kind: staging.ResourceScope, Name: owner + "/scope/0"}
	h.apply(scope)
	r := workload("stay", `while :; do sleep 60; done`)
	r.Name = owner + "/workload/stay"
	h.apply(r)
	h.apply(platform.Resource{Kind: staging.ResourceEndpoint, Name: owner + "/endpoint/web"})
	for _, name := range []string{owner, "env_a"} {
		if err := h.Delete(h.ctx, platform.Ref{Kind: scope.Kind, Name: name + "/scope/0", Owner: name}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := h.List(h.ctx, ""); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if out, err := exec.Command("find", h.dir+"/env", "-mindepth", "1").Output(); err != nil || len(out) > 0 {
		t.Errorf("files left: %s %v", out, err)
	}
	if left := processesOf(t); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	if out, _ := exec.Command("find", "/sys/fs/cgroup", "-name", owner).Output(); len(out) > 0 {
		t.Errorf("cgroups left: %s", out)
	}
	claims := "/run/offshoot"
	if os.Geteuid() != 0 {
		claims = fmt.Sprintf("/tmp/offshoot-%d", os.Geteuid())
	}
	if out, _ := exec.Command("grep", "-rl", h.dir, claims).Output(); len(out) > 0 {
		t.Errorf("claims left: %s", out)
	}
	if out, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(out), h.dir) {
		t.Errorf("mounts left: %s", out)
	}
}

func TestManyLinesArriveWhole(t *testing.T) {
	h := newHost(t)
	const lines = 200_000
	r := task("flood", fmt.Sprintf("seq 1 %d", lines))
	if _, out := h.run(r); strings.Count(out, "\n") != lines {
		ls, _ := exec.Command("find", h.dir, "-path", "*log*", "-ls").Output()
		t.Errorf("%d of %d lines\n%s", strings.Count(out, "\n"), lines, ls)
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

// What was written down and never begun, because the server died in between,
// is begun by the next one; what may have begun is not.
func TestWhatNeverBeganIsBegun(t *testing.T) {
	h := newHost(t)
	r := task("migrate", "echo ran")
	h.apply(r)
	first := h.until(r, exited)
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

// TestAFolderThatAnEarlierVersionDidNotMake holds that what workloads share is
// made when it is needed.
func TestAFolderThatAnEarlierVersionDidNotMake(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"tmp", "home"} {
		if err := os.Remove(filepath.Join(h.dir, "env", "env_a", name)); err != nil {
			t.Fatal(err)
		}
	}
	r := task("write", `echo x > /tmp/x && cat /tmp/x && echo y > ~/y && cat ~/y`)
	if o, out := h.run(r); o.ExitCode == nil || *o.ExitCode != 0 || out != "x\ny\n" {
		t.Errorf("%+v\n%s", o, out)
	}
}
