package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// killEach kills the server, with SIGKILL, at each of the points of a deployment
// of its own, starts it again, and sees that all is as if nothing had happened:
//
//	kill-each create|deploy|fail BRANCH TEXT POINT…
//
// A point is accepted, ended, a step, or STEP+N for N ms after that has begun.
// Creates are of branches of their own, BRANCH0 and so on; what fails leaves
// the revision before serving. TEXT is what a branch answers. The fixture's
// releases each leave a row in the table ran.
func killEach(ts *testscript.TestScript, _ bool, args []string) {
	kind, branch, text, points := args[0], args[1], args[2], args[3:]
	var running []string
	for i, point := range points {
		name, command, before := branch, "deploy", ""
		if kind == "create" {
			name, command = branch+strconv.Itoa(i), "create"
		} else {
			before = ran(ts, name)
			ts.Check(ts.Exec("git", "checkout", "-q", name))
		}
		ts.Check(os.WriteFile(ts.MkAbs("round"), []byte(kind+point), 0o600)) // another tree, which has to be built
		commit(ts, false, []string{name})
		ts.Check(ts.Exec("offshoot", command, name, "--no-wait"))
		hit := killWhen(ts, name, point)
		ts.Logf("%s of %s: killed at %s, %s", kind, name, point, hit)
		if strings.HasPrefix(hit, "running") {
			running = append(running, point)
		}
		serve(ts, false, nil)
		if err := ts.Exec("offshoot", "wait", name); kind != "fail" {
			ts.Check(err)
		} else if err == nil {
			ts.Fatalf("%s of %s, killed at %s: it is not said to have failed", kind, name, point)
		}
		get(ts, false, []string{"200", name + ".shop.localhost", "/", text})
		want := map[string]string{"create": "2 2", "fail": before}[kind]
		if kind == "deploy" {
			n, err := strconv.Atoi(strings.Fields(before)[0])
			ts.Check(err)
			want = fmt.Sprintf("%d %d", n+1, n+1)
		}
		if got := ran(ts, name); got != want {
			ts.Fatalf("%s of %s, killed at %s: releases left %q, want %q", kind, name, point, got, want)
		}
	}
	// Some points are over before anybody can see them; most must be met.
	if len(running) < len(points)*2/3 {
		ts.Fatalf("only %q of %q met a deployment that ran", running, points)
	}
}

// ran is how many releases left a row, and how many of them are different.
func ran(ts *testscript.TestScript, branch string) string {
	ts.Check(ts.Exec("offshoot", "psql", branch, "--", "-tAc", "select count(*) || ' ' || count(distinct at) from ran"))
	return strings.TrimSpace(ts.ReadFile("stdout"))
}

// killWhen kills the server as soon as a branch's newest deployment has come to
// a point, and answers what it was doing then.
func killWhen(ts *testscript.TestScript, branch, point string) (doing string) {
	r := ts.Value(key{}).(*running)
	doing = reach(ts, branch, point)
	ts.Check(r.cmd.Process.Signal(syscall.SIGKILL))
	<-r.done
	r.cmd = nil
	return doing
}

// reach waits until a branch's newest deployment has come to a point, and
// answers what it is doing.
func reach(ts *testscript.TestScript, branch, point string) (doing string) {
	step, later, _ := strings.Cut(point, "+")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	doing = "running, not looked at"
	reached := point == "accepted"
	for n := 0; !reached; n++ {
		<-tick.C
		if n == 60_000 { // of at least 1 ms each
			ts.Fatalf("%s never came to %s", branch, point)
		}
		var err error
		reached, doing, err = at(ts, branch, step)
		ts.Check(err)
	}
	if later != "" {
		n, err := strconv.Atoi(later)
		ts.Check(err)
		<-time.After(time.Duration(n) * time.Millisecond)
		_, doing, err = at(ts, branch, step)
		ts.Check(err)
	}
	return doing
}

// at is whether a branch's newest deployment has begun a step, or ended, and
// its outcome with the steps that run.
func at(ts *testscript.TestScript, branch, step string) (reached bool, doing string, err error) {
	var list struct {
		Items []struct {
			Branch     string
			Deployment struct {
				Outcome string
				Steps   []struct{ Name, State string }
			}
		}
	}
	if err := asked(ts, "/api/v1/projects/shop/environments", &list); err != nil {
		return false, "", err
	}
	for _, e := range list.Items {
		if e.Branch != branch || e.Deployment.Outcome == "" {
			continue
		}
		doing, reached = e.Deployment.Outcome, e.Deployment.Outcome != "running"
		for _, s := range e.Deployment.Steps {
			if s.State == "running" {
				doing += " " + s.Name
			}
			if s.Name == step && !slices.Contains([]string{"pending", "skipped"}, s.State) {
				reached = true
			}
		}
		return reached, doing, nil
	}
	return false, "", nil
}
