package e2e

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

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
