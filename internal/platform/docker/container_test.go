package docker_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// TestAnInstanceIsWhereItsEndpointSays holds that all endpoints of an instance
// have its one address, that it answers there to this host and to its neighbours,
// by its name and by names that are given, and that the server listens at the
// host's end.
func TestAnInstanceIsWhereItsEndpointSays(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	web := w.apply(w.endpoint("web", "web.1", 8080)).Address
	other := w.apply(w.endpoint("web-metrics", "web.1", 9090)).Address
	at, err := netip.ParseAddrPort(web)
	if err != nil || netip.MustParseAddrPort(other).Addr() != at.Addr() {
		t.Fatalf("one instance is at %s and %s: %v", web, other, err)
	}
	if third := w.apply(w.endpoint("db", "db.1", 8080)).Address; third == web {
		t.Errorf("two instances are at %s", third)
	}
	host, err := netip.ParseAddrPort(w.apply(w.endpoint("link", "", 0)).Address)
	if err != nil || host.Port() == 0 || host.Addr().As4()[3] != 1 {
		t.Errorf("the server would listen at %s: %v", host, err)
	}
	w.apply(w.workload("web", staging.WorkloadSpec{Image: "app:1", Instance: "web.1", Env: map[string]string{"NAME": "shop"}}))
	if body := get(w, "http://"+web+"/"); !strings.HasPrefix(body, "shop ") {
		t.Errorf("it answers %q", body)
	}
	asks := staging.WorkloadSpec{Image: "app:1", Command: staging.Command{Args: []string{"/app", "dial", "web:8080"}}, Hosts: map[string]string{"shop.localhost": at.Addr().String()}}
	if said := w.says("by-name", asks); said != "yes" {
		t.Errorf("by its name: %s", said)
	}
	asks.Command.Args[2] = "shop.localhost:8080"
	if said := w.says("by-host", asks); said != "yes" {
		t.Errorf("by a name that is given: %s", said)
	}
	list, err := w.Listening(w.ctx, refOf(w.workload("web", staging.WorkloadSpec{})))
	if err != nil || !slices.Equal(list, []string{"[::]:8080"}) {
		t.Errorf("it listens on %q, %v", list, err)
	}
}

// get asks until something listens.
func get(w *world, url string) string {
	w.Helper()
	for {
		r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, url, nil)
		if err != nil {
			w.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			return string(body)
		}
		select {
		case <-w.ctx.Done():
			w.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestWhatAContainerGets holds that a container has what its specification says,
// and that no value of it is where others look.
func TestWhatAContainerGets(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "there"), []byte("on the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	spec := staging.WorkloadSpec{Env: map[string]string{"SECRET": "s3cret"}, Files: map[string]string{"/run/secrets/deep/key": "k3y"}, Dir: "/var",
		Mounts:  []staging.HostMount{{Source: data, Target: "/data", ReadOnly: true}, {Target: "/scratch", Tmpfs: true}},
		Limits:  staging.Limits{CPUs: 1000, Memory: 64 << 20, PIDs: 50},
		Command: staging.Command{Shell: `pwd; id -u; echo "$SECRET"; cat /run/secrets/deep/key; echo; cat /data/there; echo; touch /data/x 2>/dev/null || echo read-only; touch /x 2>/dev/null || echo closed; touch /scratch/x && echo open; hostname; ulimit -n`},
		Container: &staging.Container{User: "1234:1234", Hostname: "shop", ReadOnly: true, Init: true, Ulimits: map[string]staging.Ulimit{"nofile": {Soft: 321, Hard: 321}},
			Labels: map[string]string{"team": "a", "offshoot.owner": "somebody"}}}
	want := "/var\n1234\ns3cret\nk3y\non the host\nread-only\nclosed\nopen\nshop\n321"
	if said := w.says("looks", spec); said != want {
		t.Errorf("it found\n%s\nwant\n%s", said, want)
	}
}

// TestAnEntrypointThatWrapsIsKept holds that a task's own command is run by an
// entrypoint that is there for that, and in the place of any other.
func TestAnEntrypointThatWrapsIsKept(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	if said := w.says("wraps", staging.WorkloadSpec{Image: "redis:7", Command: staging.Command{Args: []string{"--no-such-flag"}}}); !strings.Contains(said, "CONFIG FILE ERROR (Redis") {
		t.Errorf("the entrypoint makes no redis-server of it: %s", said)
	}
	if said := w.says("replaced", staging.WorkloadSpec{Image: "app:1", Command: staging.Command{Args: []string{"/app", "say", "hello"}}}); said != "hello" {
		t.Errorf("it said %q", said)
	}
}

// TestACommandThatCannotBeStarted holds that it is an end, with the reason.
func TestACommandThatCannotBeStarted(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	r := w.task("typo", staging.WorkloadSpec{Command: staging.Command{Args: []string{"no-such-program"}}})
	w.apply(r)
	if o := w.until(r, exited); *o.ExitCode != 127 || !strings.Contains(o.Reason, "no-such-program") {
		t.Errorf("%+v", o)
	}
	spec := staging.WorkloadSpec{Command: staging.Command{Args: []string{"no-such-program"}}, Restart: true}
	w.apply(w.workload("typo", spec))
	if o := w.look(w.workload("typo", spec)); o.Run != staging.RunFailing || o.Reason == "" {
		t.Errorf("%+v", o)
	}
	_, err := w.Apply(w.ctx, w.task("none", staging.WorkloadSpec{Image: "no-such-image:1"}))
	if staging.CodeOf(err) != staging.ClassCode(staging.ClassStart) || !strings.Contains(err.Error(), "no-such-image:1") {
		t.Errorf("an image that is not there: %v", err)
	}
}

// TestLogsOutliveTheirContainer holds that lines of a container that is gone and
// of the next of its name are one log, each line once, long ones whole.
func TestLogsOutliveTheirContainer(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	long := strings.Repeat("x", 40_000)
	spec := staging.WorkloadSpec{Command: staging.Command{Shell: "echo one; echo two >&2; head -c 40000 /dev/zero | tr '\\0' x; echo"}}
	r := w.task("says", spec)
	w.apply(r)
	w.until(r, exited)
	for range 2 {
		if err := w.Delete(w.ctx, refOf(r)); err != nil {
			t.Fatal(err)
		}
	}
	count := func(log string) (n int) {
		for line := range strings.SplitSeq(log, "\n") {
			if line == "one" || line == "two" || line == long {
				n++
			}
		}
		return n
	}
	if log := w.log(r); count(log) != 3 {
		t.Errorf("kept: %d lines of 3", count(log))
	}
	w.apply(r)
	w.until(r, exited)
	if log := w.log(r); count(log) != 6 {
		t.Errorf("with the next: %d lines of 6", count(log))
	}
	var last []string
	if err := w.Logs(w.ctx, platform.LogQuery{Owner: w.owner, Tail: 2}, func(l platform.LogLine) error {
		last = append(last, l.Stream)
		return nil
	}); err != nil || len(last) != 2 {
		t.Errorf("the last two are %d: %v", len(last), err)
	}
}

// TestATerminal holds that a command with one has the size it is given, and that
// nothing of it is left when its user is gone.
func TestATerminal(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	r := w.workload("web", program(platformtest.Program{Stay: true}))
	w.apply(r)
	var out bytes.Buffer
	code, err := w.Exec(w.ctx, platform.Exec{In: r.Name, Owner: w.owner, TTY: true, Size: platform.TerminalSize{Rows: 33, Cols: 77}, Stdin: strings.NewReader(""), Stdout: &out,
		Command: staging.Command{Shell: "until [ \"$(stty size)\" = '33 77' ]; do :; done; stty size; tty; exit 9"}})
	if err != nil || code != 9 || !strings.Contains(out.String(), "33 77") || !strings.Contains(out.String(), "/dev/") {
		t.Errorf("%d, %v: %q", code, err, out.String())
	}
	out.Reset() // what is typed at once finds the size
	if code, err := w.Exec(w.ctx, platform.Exec{In: r.Name, Owner: w.owner, TTY: true, Size: platform.TerminalSize{Rows: 33, Cols: 77}, Stdin: strings.NewReader("go\n"), Stdout: &out,
		Command: staging.Command{Shell: "read -r line; stty size"}}); err != nil || code != 0 || !strings.Contains(out.String(), "33 77") {
		t.Errorf("%d, %v: %q", code, err, out.String())
	}
	code, err = w.Exec(w.ctx, platform.Exec{In: r.Name, Owner: w.owner, Stdout: io.Discard, Command: staging.Command{Args: []string{"no-such-program"}}})
	if err != nil || code == 0 {
		t.Errorf("a command that is not there: %d, %v", code, err)
	}
}

// TestWhatACommandLeftBehindIsHungUpToo holds that nothing of a command is left
// when who asked for it is gone, and that what it did not start goes on.
func TestWhatACommandLeftBehindIsHungUpToo(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	r := w.workload("web", program(platformtest.Program{Stay: true}))
	w.apply(r)
	for _, tty := range []bool{false, true} {
		ctx, cancel := context.WithCancel(w.ctx)
		defer cancel()
		out := hears(func([]byte) { cancel() })
		if _, err := w.Exec(ctx, platform.Exec{In: r.Name, Owner: w.owner, TTY: tty, Stdout: out, Stdin: strings.NewReader(""),
			Command: staging.Command{Shell: "trap '' HUP; (trap '' HUP; exec setsid sleep 4321) & echo up; wait"}}); err == nil {
			t.Error("it ended well")
		}
		var left bytes.Buffer
		if _, err := w.Exec(w.ctx, platform.Exec{In: r.Name, Owner: w.owner, Stdout: &left,
			Command: staging.Command{Shell: "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"}}); err != nil || strings.Contains(left.String(), "sleep 4321") {
			t.Errorf("left, with a terminal %v: %s, %v", tty, left.String(), err)
		}
	}
	if o := w.look(r); !running(o) {
		t.Errorf("what it ran in is %+v", o)
	}
}

// TestACommandEndsWithItsServer holds that the next server ends what was begun for
// somebody who cannot be there any more.
func TestACommandEndsWithItsServer(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	r := w.workload("web", program(platformtest.Program{Stay: true}))
	w.apply(r)
	up := make(chan struct{})
	over := make(chan error, 1)
	first := w.Driver
	go func() {
		_, err := first.Exec(w.ctx, platform.Exec{In: r.Name, Owner: w.owner, Stdout: hears(func([]byte) { close(up) }), Command: platformtest.Shell(platformtest.Program{Say: []string{"up"}, Stay: true, Stubborn: true})})
		over <- err
	}()
	<-up
	w.Driver = open(t, w.config)
	if err := <-over; err != nil {
		t.Error(err)
	}
	if o := w.look(r); !running(o) {
		t.Errorf("what it ran in is %+v", o)
	}
}

type hears func([]byte)

func (h hears) Write(p []byte) (int, error) {
	h(p)
	return len(p), nil
}

// TestWhatAnImageHasStaysBelowAMount holds that a mount hides what the image has
// there, but for what is kept.
func TestWhatAnImageHasStaysBelowAMount(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	data := t.TempDir()
	spec := staging.WorkloadSpec{Image: "redis:7", Container: &staging.Container{CapDrop: []string{"ALL"}, CapAdd: []string{"CHOWN", "FOWNER"}},
		Mounts:  []staging.HostMount{{Source: data, Target: "/etc", Keep: []string{"skel", "none"}}},
		Command: staging.Command{Shell: "exec 2>&1; ls /etc/passwd; ls -A /etc/skel /etc/none; touch /etc/skel/x && chown 7 /etc/skel/x && stat -c %u /etc/skel/x"}}
	for _, name := range []string{"first", "second"} {
		said := w.says(name, spec)
		if !strings.Contains(said, ".bashrc") || !strings.HasSuffix(said, "7") || strings.Contains(said, "\n/etc/passwd") || strings.Contains(said, "\nx\n") {
			t.Errorf("%s: %q", name, said)
		}
	}
}

// TestAnEmptyVolumeGetsWhatTheImageHas holds that a service finds in a new volume
// what its image has there, may write to it as its own user, and that all of it
// stays when the container goes.
func TestAnEmptyVolumeGetsWhatTheImageHas(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	data, skeleton := t.TempDir(), t.TempDir()
	spec := staging.WorkloadSpec{Image: "redis:7", Container: &staging.Container{User: "redis"}, Mounts: []staging.HostMount{{Source: data, Target: "/data", Fill: true}, {Source: skeleton, Target: "/etc/skel", Fill: true}},
		Command: staging.Command{Shell: "echo mine >> /data/file && cat /data/file && ls -A /etc/skel"}}
	if said := w.says("first", spec); said != "mine\n.bash_logout\n.bashrc\n.profile" {
		t.Errorf("at first: %q", said)
	}
	if err := os.Remove(filepath.Join(skeleton, ".profile")); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(w.ctx, refOf(w.task("first", spec))); err != nil {
		t.Fatal(err)
	}
	if said := w.says("second", spec); said != "mine\nmine\n.bash_logout\n.bashrc" {
		t.Errorf("then: %q", said)
	}
}
