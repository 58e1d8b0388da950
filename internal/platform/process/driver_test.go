package process_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
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

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if required("root") {
			t.Fatal("needs root")
		}
		t.Skip("needs root")
	}
}

func newHost(t *testing.T) *host {
	needRoot(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	h := &host{T: t, ctx: ctx, dir: t.TempDir()}
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
	d, err := process.New(process.Config{Dir: h.dir, Log: slog.New(slog.DiscardHandler)})
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
		Workload: &staging.WorkloadSpec{Service: name, Command: staging.Command{Shell: command}, StopGrace: 100 * time.Millisecond}}
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

func TestTaskRunsOnceInItsClosedView(t *testing.T) {
	h := newHost(t)
	artifact := t.TempDir()
	if err := os.WriteFile(filepath.Join(artifact, "code"), []byte("original"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(artifact, "code"), 0o666); err != nil {
		t.Fatal(err)
	}
	r := task("look", `echo "$GREETING from $(id -un)"; cat code; echo; echo changed > code; cat code
ls / | tr '\n' ' '; echo; echo err >&2; ls `+h.dir+` 2>&1; touch /usr/x 2>&1; touch /x 2>&1; cat /proc/1/environ 2>&1; getent hosts db; echo $$; exit 7`)
	r.Workload.Artifact, r.Workload.Env = artifact, map[string]string{"GREETING": "hello"}
	r.Workload.Hosts = map[string]string{"db": "127.0.0.1"}
	o, out := h.run(r)
	if o.ExitCode == nil || *o.ExitCode != 7 {
		t.Errorf("exit code %v, reason %q", o.ExitCode, o.Reason)
	}
	for _, want := range []string{"hello from app\noriginal\nchanged\n", "err\n", "No such file", "Read-only file system", "Permission denied", "127.0.0.1"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the output:\n%s", want, out)
		}
	}
	for _, hidden := range []string{"root", "var", "srv", "sys"} {
		if strings.Contains(out, " "+hidden+" ") {
			t.Errorf("/%s is visible:\n%s", hidden, out)
		}
	}
	if n := strings.Count(out, "Read-only file system"); n != 2 {
		t.Errorf("%d of / and /usr are read-only:\n%s", n, out)
	}
	if text, _ := os.ReadFile(filepath.Join(artifact, "code")); string(text) != "original" {
		t.Errorf("the shared artifact became %q", text)
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
	o := h.until(r, func(o staging.Observation) bool {
		return o.Run == staging.RunRunning && strings.Contains(h.logs(r), "up")
	})
	before := processesOf(t, h)
	if len(before) < 2 {
		t.Fatalf("processes %v of %+v", before, o)
	}
	if err := h.Delete(h.ctx, ref(r)); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(t, h); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if o, err := h.Observe(h.ctx, ref(r)); err != nil || o.Presence != staging.Absent {
		t.Errorf("%+v, %v", o, err)
	}
	if err := h.Delete(h.ctx, ref(r)); err != nil {
		t.Errorf("a second delete: %v", err)
	}
}

// processesOf are the processes of the environment's users.
func processesOf(t *testing.T, h *host) []string {
	t.Helper()
	o, err := h.Observe(h.ctx, platform.Ref{Kind: staging.ResourceScope, Name: "env_a/scope/0", Owner: "env_a"})
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		status, _ := os.ReadFile(dir + "/status")
		if uid := strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)); uid == o.Ref && !strings.Contains(string(status), "zombie") ||
			strings.Contains(string(status), "Uid:\t"+o.Ref+"\t") && !strings.Contains(string(status), "zombie") {
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
	first := h.until(r, func(o staging.Observation) bool { return strings.Contains(h.logs(r), "started") })
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
	if left := processesOf(t, h); len(left) != 0 {
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
	o := h.until(r, func(o staging.Observation) bool { return strings.Contains(h.logs(r), "began") })
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
		if required("cgroup") {
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
	if left := processesOf(t, h); len(left) != 0 {
		t.Errorf("left behind: %v", left)
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

func TestEndpointsAndUsersAreGivenOnce(t *testing.T) {
	h := newHost(t)
	h.apply(platform.Resource{Kind: staging.ResourceScope, Name: "env_b/scope/0"})
	seen := map[string]string{}
	for _, name := range []string{"env_a/endpoint/web", "env_a/endpoint/db", "env_b/endpoint/web", "env_a/scope/0", "env_b/scope/0"} {
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
	r := workload("stay", `while :; do read x < /dev/zero; done`)
	h.apply(r)
	h.apply(platform.Resource{Kind: staging.ResourceEndpoint, Name: "env_a/endpoint/web"})
	if err := h.Delete(h.ctx, platform.Ref{Kind: staging.ResourceScope, Name: "env_a/scope/0", Owner: "env_a"}); err != nil {
		t.Fatal(err)
	}
	if all, err := h.List(h.ctx, ""); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if groups, _ := filepath.Glob("/sys/fs/cgroup/*/offshoot/env_a"); len(groups) > 0 {
		t.Errorf("cgroups %v", groups)
	}
	if out, err := exec.Command("find", h.dir+"/env", "-mindepth", "1").Output(); err != nil || len(out) > 0 {
		t.Errorf("files left: %s %v", out, err)
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
