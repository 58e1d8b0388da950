package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"offshoot/internal/staging"
)

// migration is what the feature branch adds to the schema.
const migration = `ALTER TABLE product ADD COLUMN badge text;
UPDATE product SET badge = 'hand made' WHERE id % 3 = 1;
`

// edits are what the feature branch changes: file, old and new text.
var edits = [][3]string{
	{"cmd/web/main.go", "SELECT id, name, cents", "SELECT id, name || coalesce(' · ' || badge, ''), cents"},
	{"cmd/web/page.html", "--leaf: #3f6b4f", "--leaf: #a4502e"},
	{"cmd/web/page.html", "things for a calm home", "things, newly laid out"},
}

// makeRepository makes the shop's repository anew, with real commits of a
// fixed time, so that what was built of them once is found again.
func makeRepository(ctx context.Context, example, repo string) error {
	if _, err := os.Stat(filepath.Join(example, "compose.yaml")); err != nil {
		return staging.Errorf(staging.CodeRefused, "run it where the sources are: make demo", "the example is not at %s: %w", example, err)
	}
	if err := os.RemoveAll(repo); err != nil {
		return err
	}
	if err := os.CopyFS(repo, os.DirFS(example)); err != nil {
		return err
	}
	if err := git(ctx, repo, "init", "-q", "-b", "main", "."); err != nil {
		return err
	}
	if err := commit(ctx, repo, "Open the shop"); err != nil {
		return err
	}
	if err := git(ctx, repo, "checkout", "-q", "-b", feature); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(repo, "migrations", "002_badge.sql"), []byte(migration), 0o644); err != nil {
		return err
	}
	for _, e := range edits {
		path := filepath.Join(repo, e[0])
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), e[1]) {
			return fmt.Errorf("%s has no %q to change", e[0], e[1])
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), e[1], e[2])), 0o644); err != nil {
			return err
		}
	}
	return commit(ctx, repo, "A page with badges")
}

func commit(ctx context.Context, repo, message string) error {
	if err := git(ctx, repo, "add", "-A"); err != nil {
		return err
	}
	return git(ctx, repo, "commit", "-q", "-m", message)
}

func git(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Offshoot demo", "GIT_AUTHOR_EMAIL=demo@localhost",
		"GIT_COMMITTER_NAME=Offshoot demo", "GIT_COMMITTER_EMAIL=demo@localhost", "GIT_AUTHOR_DATE=2026-01-05T09:00:00Z", "GIT_COMMITTER_DATE=2026-01-05T09:00:00Z")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
