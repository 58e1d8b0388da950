package demo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asked answers what git says in a repository.
func asked(t *testing.T, repo string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// What was built of a revision is found again by it, so it is the same each
// time; and nothing of the example is left out of its history.
func TestTheShopsRepositoryIsTheSameEachTime(t *testing.T) {
	examples := filepath.Join("..", "..", "examples")
	first, second := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for _, repo := range []string{first, second, first} {
		if err := makeRepository(t.Context(), examples, repo); err != nil {
			t.Fatal(err)
		}
	}
	for _, branch := range []string{"main", feature} {
		if a, b := asked(t, first, "rev-parse", branch), asked(t, second, "rev-parse", branch); a != b {
			t.Errorf("%s is %s, then %s", branch, a, b)
		}
	}
	if n := asked(t, first, "rev-list", "--count", "main"); n != "4" {
		t.Errorf("main has %s commits", n)
	}
	if n := asked(t, first, "rev-list", "--count", "main.."+feature); n != "3" {
		t.Errorf("%s has %s commits of its own", feature, n)
	}
	if left := asked(t, first, "status", "--porcelain"); left != "" {
		t.Errorf("no commit has\n%s", left)
	}
	if changed := asked(t, first, "diff", "--name-only", "main", feature, "--", "migrations"); changed != "migrations/003_badges.sql" {
		t.Errorf("the branch's migrations: %q", changed)
	}
}

// Who has never told Git a name can type what the demo proposes, and who has
// commits under that.
func TestACommitNeedsNoNameOfOnesOwn(t *testing.T) {
	own := filepath.Join(t.TempDir(), "gitconfig")
	if err := os.WriteFile(own, []byte("[user]\n\tname = Ada\n\temail = ada@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	for config, author := range map[string]string{"/dev/null": keeper, own: "Ada"} {
		t.Setenv("GIT_CONFIG_GLOBAL", config)
		repo := filepath.Join(t.TempDir(), "repository")
		if err := makeRepository(t.Context(), filepath.Join("..", "..", "examples"), repo); err != nil {
			t.Fatal(err)
		}
		asked(t, repo, "commit", "--allow-empty", "-m", "Say it better")
		if got := asked(t, repo, "log", "-1", "--format=%an"); got != author {
			t.Errorf("with %s the author is %s, want %s", config, got, author)
		}
	}
}
