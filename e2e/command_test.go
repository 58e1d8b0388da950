package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// offshoot runs the program: offshoot CODE ARGS…
func offshoot(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("offshoot", args[1:]...)
	code := 0
	if err != nil {
		code = -1
		if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Exec answers it bare
			code = exit.ExitCode()
		}
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("offshoot %v: exit code %d, want %s (%v)", args[1:], code, args[0], err)
	}
}

// get asks the edge: http STATUS HOST PATH TEXT.
func get(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("EDGE")+args[2], nil)
	ts.Check(err)
	r.Host = args[1]
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if fmt.Sprint(resp.StatusCode) != args[0] || !strings.Contains(string(body), args[3]) {
		ts.Fatalf("%s%s answers %d %s; want %s with %q", args[1], args[2], resp.StatusCode, body, args[0], args[3])
	}
}

// commit commits everything of the repository to a branch: commit BRANCH.
func commit(ts *testscript.TestScript, neg bool, args []string) {
	git := func(args ...string) error {
		return ts.Exec("git", append([]string{"-C", ts.Getenv("WORK") + "/repo"}, args...)...)
	}
	if git("checkout", "-q", args[0]) != nil {
		ts.Check(git("checkout", "-q", "-b", args[0]))
	}
	ts.Check(git("add", "-A"))
	ts.Check(git("commit", "-q", "--allow-empty", "-m", "change of "+args[0]))
}

// post sends an empty POST through the edge: post HOST PATH.
func post(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, ts.Getenv("EDGE")+args[1], nil)
	ts.Check(err)
	r.Host = args[0]
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		ts.Fatalf("POST %s%s answers %d %s", args[0], args[1], resp.StatusCode, body)
	}
}
