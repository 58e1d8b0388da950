package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// history is how the shop came to be: what each commit of main added.
var history = []struct {
	message string
	paths   []string
}{
	{"Start with the assortment", []string{"go.mod", "go.sum", "cmd/migrate", "migrations/001_products.sql"}},
	{"Show what there is", []string{"internal/shop/shop.go", "cmd/web"}},
	{"Take orders, and ship them", []string{"internal/shop/order.go", "cmd/worker", "migrations/002_orders.sql"}},
	{"Say what the shop is made of", []string{"compose.yaml", "Dockerfile"}},
}

// opened is when main's first commit was made. The times are fixed so that the
// revisions are the same everywhere, and what was built of them is found again.
var opened = time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)

// makeRepository makes the shop's repository anew with the commits of main,
// and the feature branch out of its patches.
func makeRepository(ctx context.Context, examples, repo string) error {
	shop := filepath.Join(examples, "shop")
	patches, err := filepath.Glob(filepath.Join(examples, filepath.Base(feature), "*.patch"))
	if err != nil || len(patches) == 0 {
		return staging.Refused("run it where the sources are: make demo", "the example is not at %s", examples)
	}
	slices.Sort(patches)
	// Git wants them absolute: it runs in the repository.
	for i := range patches {
		if patches[i], err = filepath.Abs(patches[i]); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(repo); err != nil {
		return err
	}
	if err := os.CopyFS(repo, os.DirFS(shop)); err != nil {
		return err
	}
	if err := git(ctx, repo, opened, "init", "-q", "-b", "main", "."); err != nil {
		return err
	}
	for i, commit := range history {
		at := opened.Add(time.Duration(i) * time.Hour)
		if err := git(ctx, repo, at, append([]string{"add", "--"}, commit.paths...)...); err != nil {
			return err
		}
		if err := git(ctx, repo, at, "commit", "-q", "-m", commit.message); err != nil {
			return err
		}
	}
	at := opened.Add(24 * time.Hour)
	if err := git(ctx, repo, at, "checkout", "-q", "-b", feature); err != nil {
		return err
	}
	if err := git(ctx, repo, at, append([]string{"am", "-q"}, patches...)...); err != nil {
		return err
	}
	return lendName(ctx, repo)
}

const keeper, address = "Fieldhouse", "shop@fieldhouse.example"

// lendName lets who has not told Git a name commit to the repository all the
// same: on a new machine that is the first thing a person tries.
func lendName(ctx context.Context, repo string) error {
	cmd := exec.CommandContext(ctx, "git", "config", "user.email")
	cmd.Dir = repo
	if cmd.Run() == nil {
		return nil
	}
	return errors.Join(git(ctx, repo, opened, "config", "user.name", keeper), git(ctx, repo, opened, "config", "user.email", address))
}

func git(ctx context.Context, dir string, at time.Time, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	date := at.Format(time.RFC3339)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME="+keeper, "GIT_AUTHOR_EMAIL="+address,
		"GIT_COMMITTER_NAME="+keeper, "GIT_COMMITTER_EMAIL="+address, "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
