// Package e2e runs the built program as its users do: each script under
// testdata/script has a server, a repository and a data folder of its own, and
// real Postgres and Redis.
package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// limit bounds one script.
const limit = 5 * time.Minute

func TestScripts(t *testing.T) {
	t.Parallel()
	p := scripts(t)
	p.Dir = "testdata/script"
	testscript.Run(t, p)
}

// scripts is how a script runs: the built program on its PATH, and our own
// commands beside testscript's.
func scripts(t *testing.T) testscript.Params {
	require(t)
	bin := filepath.Dir(program(t))
	fixtures, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	commands := edgeCommands()
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){
		"serve": serve, "fixture": fixture, "post": post, "halt": halt, "kill-each": killEach, "http": get, "commit": commit, "nothing-left": nothingLeft, "offshoot": offshoot, "console": console, "person": person, "broken": broken,
		"unmount-pool": unmountPool, "small-disk": smallDisk, "make-image": makeImage, "registry": beginRegistry, "forget-images": forgetImages,
		"workloads": workloads,
	})
	return testscript.Params{RequireExplicitExec: true, RequireUniqueNames: true, Condition: condition, Cmds: commands,
		Setup: func(e *testscript.Env) error { return setup(t, e, bin, fixtures) }}
}

func setup(t *testing.T, e *testscript.Env, bin, fixtures string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	e.Defer(cancel)
	data := filepath.Join(e.WorkDir, "data")
	// Until serve names a server of the script's own there is none: one at the
	// default address would be the developer's.
	e.Vars = append(e.Vars, "PATH="+bin+":"+os.Getenv("PATH"), "OFFSHOOT_DATA_DIR="+data, "OFFSHOOT_SERVER=http://127.0.0.1:1", "FIXTURES="+fixtures, "ENGINE="+os.Getenv(engineVariable), "HOME="+e.WorkDir,
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
	made := &elsewhere{refs: map[string]bool{}}
	e.Values[elsewhereKey{}] = made
	e.Defer(made.clean)
	e.Defer(func() { _ = unmounted(data) }) // where a script has mounted one
	e.Defer(func() {
		after, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		clean(after, t, data, e.Values[key{}].(*running))
	})
	return nil
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
