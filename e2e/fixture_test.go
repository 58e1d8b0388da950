package e2e

import (
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// fixture makes a repository of a folder of testdata, with the branches named:
// fixture NAME [BRANCH…]. It lies at $WORK/NAME, on branch main.
func fixture(ts *testscript.TestScript, neg bool, args []string) {
	dir := filepath.Join(ts.Getenv("WORK"), args[0])
	ts.Check(os.CopyFS(dir, os.DirFS(filepath.Join(ts.Getenv("FIXTURES"), args[0]))))
	git := func(args ...string) { ts.Check(ts.Exec("git", append([]string{"-C", dir}, args...)...)) }
	git("init", "-q", "-b", "main", ".")
	git("add", "-A")
	git("commit", "-qm", "first")
	for _, branch := range args[1:] {
		git("branch", branch)
	}
}
