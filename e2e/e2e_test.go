// Package e2e runs the built program as its users do: each script under
// testdata/script has a server, a repository and a data folder of its own, and
// real Postgres and Redis.
package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process"
	"offshoot/internal/staging"
)

// limit bounds one script.
const limit = 5 * time.Minute

func TestScripts(t *testing.T) {
	p := scripts(t)
	p.Dir = "testdata/script"
	testscript.Run(t, p)
}

// scripts is how a script runs: the built program on its PATH, and our own
// commands beside testscript's.
func scripts(t *testing.T) testscript.Params {
	require(t)
	bin := t.TempDir()
	if program := os.Getenv(programVariable); program != "" {
		bin = filepath.Dir(program)
	} else if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "offshoot"), "../cmd/offshoot").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	fixtures, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	commands := edgeCommands()
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){
		"serve": serve, "fixture": fixture, "post": post, "halt": halt, "kill-each": killEach, "http": get, "commit": commit, "nothing-left": nothingLeft, "offshoot": offshoot, "console": console, "person": person, "broken": broken,
		"unmount-pool": unmountPool, "small-disk": smallDisk,
	})
	return testscript.Params{RequireExplicitExec: true, RequireUniqueNames: true, Condition: condition, Cmds: commands,
		Setup: func(e *testscript.Env) error { return setup(t, e, bin, fixtures) }}
}

func condition(name string) (bool, error) {
	switch name {
	case "fetch":
		return fetches()
	case "root":
		return os.Geteuid() == 0, nil
	case "ruby":
		_, err := exec.LookPath("bundle")
		if err != nil && required("ruby") {
			return false, fmt.Errorf("ruby is missing: %w", err)
		}
		return err == nil, nil
	case "plain": // nothing is shown at another place than it lies
		return os.Getenv(shapeVariable) == string(process.ShapePlain), nil
	}
	return false, fmt.Errorf("no condition %q is known", name)
}

// require skips where a real component is missing, and fails where CI says
// that it must be there.
func require(t *testing.T) {
	missing := ""
	switch {
	case found("/usr/lib/postgresql/*/bin/postgres") == "":
		missing = "postgres"
	default:
		if _, err := exec.LookPath("redis-server"); err != nil {
			missing = "redis"
		}
	}
	if missing == "" {
		return
	}
	if required(missing) {
		t.Fatalf("%s is missing", missing)
	}
	t.Skipf("%s is missing", missing)
}

func required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("OFFSHOOT_TEST_REQUIRE"), ","), name)
}

func found(pattern string) string {
	matches, _ := filepath.Glob(pattern)
	if len(matches) == 0 {
		return ""
	}
	return matches[0]
}

type running struct {
	cmd  *exec.Cmd
	done chan error
}

type key struct{}

func setup(t *testing.T, e *testscript.Env, bin, fixtures string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	e.Defer(cancel)
	data := filepath.Join(e.WorkDir, "data")
	e.Vars = append(e.Vars, "PATH="+bin+":"+os.Getenv("PATH"), "OFFSHOOT_DATA_DIR="+data, "FIXTURES="+fixtures, "HOME="+e.WorkDir,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	e.Values[key{}], e.Values[loadKey{}] = &running{}, new(*traffic)
	repo := filepath.Join(e.WorkDir, "repo")
	if err := os.CopyFS(repo, os.DirFS(filepath.Join(fixtures, "shop"))); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main", "."}, {"add", "-A"}, {"commit", "-qm", "shop"}} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir, cmd.Env = repo, e.Vars
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git: %w: %s", err, out)
		}
	}
	e.Defer(func() { _ = unmounted(data) }) // where a script has mounted one
	e.Defer(func() { clean(ctx, t, data, e.Values[key{}].(*running)) })
	return nil
}

// clean ends the server and everything that it left running.
func clean(ctx context.Context, t *testing.T, data string, r *running) {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		<-r.done
	}
	if _, err := os.Stat(filepath.Join(data, "env")); err != nil {
		return
	}
	d, err := process.New(process.Config{Dir: data, Log: slog.New(slog.DiscardHandler), Shape: process.Shape(os.Getenv(shapeVariable))})
	if err != nil {
		t.Error(err)
		return
	}
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
	cmd := exec.Command("offshoot", append([]string{"server", "--listen", api, "--edge-listen", edge}, args...)...)
	cmd.Path = filepath.Join(strings.Split(ts.Getenv("PATH"), ":")[0], "offshoot")
	cmd.Err = nil
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "OFFSHOOT_DATA_DIR=" + ts.Getenv("OFFSHOOT_DATA_DIR"), "HOME=" + ts.Getenv("HOME"), shapeVariable + "=" + os.Getenv(shapeVariable)}
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

// TestNoScriptEndsEarly finds the commands that end a script, or leave the rest
// of it out, without a reason being written down: nothing after them is seen.
func TestNoScriptEndsEarly(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(archive.Comment)) {
			if f := strings.Fields(line); len(f) > 0 && (f[0] == "stop" || f[0] == "skip" && len(f) == 1) {
				t.Errorf("%s: %s ends the script; halt ends a server", file, f[0])
			}
		}
	}
}
