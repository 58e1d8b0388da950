package control

import (
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/store"
)

// idle is who does no work.
type idle struct{ Work }

func (idle) Kick(string) {}

// TestAListingThatIsOldOverwritesNothing asks for a newer revision between the
// listing of a branch and the push that follows it.
func TestAListingThatIsOldOverwritesNothing(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	st, err := store.Open(ctx, filepath.Join(dir, "s.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	mirrors, err := source.New(filepath.Join(dir, "mirror"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Store: st, Source: mirrors, Work: idle{}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	repo := filepath.Join(dir, "repo")
	git := func(args ...string) string {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", repo, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commit := func() string {
		git("commit", "-q", "--allow-empty", "-m", "x")
		if err := mirrors.Fetch(ctx, source.Repository{Project: "shop", Remote: repo}); err != nil {
			t.Fatal(err)
		}
		return git("rev-parse", "HEAD")
	}
	if out, err := exec.CommandContext(ctx, "git", "init", "-q", "-b", "main", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first := commit()
	p := staging.Project{Name: "shop", Repo: repo}
	listed := staging.Environment{ID: "env_a", Project: "shop", Branch: "main", Slug: "main", Phase: staging.PhaseReady, CreatedAt: time.Now()}
	put := func(revision string) {
		t.Helper()
		if err := st.Write(ctx, func(t *store.Tx) error {
			e := listed
			e.Desired.Revision = revision
			return t.PutEnvironment(ctx, e)
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Write(ctx, func(t *store.Tx) error { return t.PutProject(ctx, p) }); err != nil {
		t.Fatal(err)
	}
	wants := func(want string) {
		t.Helper()
		if e, err := st.Environment(ctx, listed.ID); err != nil || e.Desired.Revision != want {
			t.Errorf("%v, it is asked to be %s, not %s", err, e.Desired.Revision, want)
		}
	}
	put("older")
	listed.Desired.Revision = "older"
	second := commit()
	put(second)
	if err := s.push(ctx, p, listed, tips{project: p, own: map[string]string{"main": first}}); err != nil {
		t.Fatal(err)
	}
	wants(second)

	// Asked for something that is not newer meanwhile, it still follows its branch.
	put(first)
	if err := s.push(ctx, p, listed, tips{project: p, own: map[string]string{"main": second}}); err != nil {
		t.Fatal(err)
	}
	wants(second)
}
