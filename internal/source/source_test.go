package source_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"offshoot/internal/source"
	"offshoot/internal/staging"
)

// repository is a real one, made by the real program.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) *repository {
	r := &repository{t, filepath.Join(t.TempDir(), "repo")}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Test", "-c", "user.email=test@example.com"}, args...)...)
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) commit(name, content string) string {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "Change "+name)
	return r.git("rev-parse", "HEAD")
}

func mirrors(t *testing.T) *source.Mirrors {
	m, err := source.New(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFetchAndCheckout(t *testing.T) {
	ctx := context.Background()
	r, m := newRepository(t), mirrors(t)
	first := r.commit("a.txt", "one")
	repo := source.Repository{Project: "shop", Remote: r.dir}
	if err := m.Fetch(ctx, repo); err != nil {
		t.Fatal(err)
	}
	second := r.commit("a.txt", "two")
	if err := m.Fetch(ctx, repo); err != nil {
		t.Fatal(err)
	}
	if head, err := m.Head(ctx, "shop", "main"); err != nil || head != second {
		t.Fatalf("head %s, %v; want %s", head, err, second)
	}
	for sha, want := range map[string]string{first: "one", second[:8]: "two"} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := m.Checkout(ctx, "shop", sha, dir); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "a.txt")); string(got) != want {
			t.Errorf("a.txt at %s is %q, want %q", sha, got, want)
		}
		if left, _ := filepath.Glob(dir + ".*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	rev, err := m.Revision(ctx, "shop", second)
	if err != nil || rev.Message != "Change a.txt" || rev.Author != "Test" || rev.Tree == "" || rev.CommittedAt.IsZero() {
		t.Errorf("revision %+v, %v", rev, err)
	}
	if yes, err := m.Ancestor(ctx, "shop", first, second); err != nil || !yes {
		t.Errorf("first is an ancestor: %v, %v", yes, err)
	}
	if yes, err := m.Ancestor(ctx, "shop", second, first); err != nil || yes {
		t.Errorf("second is no ancestor: %v, %v", yes, err)
	}
	if a, b, err := m.Divergence(ctx, "shop", second, first); err != nil || a != 1 || b != 0 {
		t.Errorf("divergence %d %d %v", a, b, err)
	}
	if files, err := m.Tracked(ctx, "shop", second); err != nil || len(files) != 1 || files[0] != "a.txt" {
		t.Errorf("tracked %v, %v", files, err)
	}
}

func TestFetchFollowsForceAndDeletion(t *testing.T) {
	ctx := context.Background()
	r, m := newRepository(t), mirrors(t)
	repo := source.Repository{Project: "shop", Remote: r.dir}
	r.commit("a", "1")
	r.git("branch", "gone")
	if err := m.Fetch(ctx, repo); err != nil {
		t.Fatal(err)
	}
	r.git("branch", "-D", "gone")
	r.git("commit", "-q", "--amend", "-m", "Rewritten")
	if err := m.Fetch(ctx, repo); err != nil {
		t.Fatal(err)
	}
	heads, err := m.Branches(ctx, "shop")
	if err != nil || len(heads) != 1 || heads["main"] != r.git("rev-parse", "HEAD") {
		t.Errorf("heads %v, %v", heads, err)
	}
}

func TestHooksAndFiltersDoNotRun(t *testing.T) {
	ctx := context.Background()
	r, m := newRepository(t), mirrors(t)
	proof := filepath.Join(t.TempDir(), "ran")
	r.commit(".gitattributes", "* filter=lfs\n")
	sha := r.commit("big.bin", "pointer")
	hook := filepath.Join(r.dir, ".git/hooks/post-checkout")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\ntouch "+proof+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.Fetch(ctx, source.Repository{Project: "shop", Remote: r.dir}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := m.Checkout(ctx, "shop", sha, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(proof); err == nil {
		t.Error("a hook ran")
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "big.bin")); string(got) != "pointer" {
		t.Errorf("big.bin is %q", got)
	}
}

// A link is content like any other: many repositories have one to the system's
// files, which a branch's own code sees as its sandbox has them.
func TestLinksAreKeptAsTheyAre(t *testing.T) {
	r, m := newRepository(t), mirrors(t)
	for i, target := range []string{"/etc/localtime", "../../secret", "sub/../../x", "a"} {
		if err := os.Symlink(target, filepath.Join(r.dir, "link"+strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	sha := r.commit("a", "1")
	if err := m.Fetch(context.Background(), source.Repository{Project: "shop", Remote: r.dir}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := m.Checkout(context.Background(), "shop", sha, dir); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(dir, "link0")); err != nil || target != "/etc/localtime" {
		t.Errorf("%q, %v", target, err)
	}
	if target, err := os.Readlink(filepath.Join(dir, "link1")); err != nil || target != "../../secret" {
		t.Errorf("%q, %v", target, err)
	}
}

func TestBadInputHasItsError(t *testing.T) {
	ctx := context.Background()
	r, m := newRepository(t), mirrors(t)
	if err := m.Fetch(ctx, source.Repository{Project: "shop", Remote: r.dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Head(ctx, "shop", "main"); staging.CodeOf(err) != staging.CodeNotFound || !strings.Contains(err.Error(), "no commit yet") {
		t.Errorf("empty repository: %v", err)
	}
	r.commit("a", "1")
	if err := m.Fetch(ctx, source.Repository{Project: "shop", Remote: r.dir}); err != nil {
		t.Fatal(err)
	}
	for _, branch := range []string{"--upload-pack=touch x", "$(x)", "..", strings.Repeat("x", 250), "🚀", "", "HEAD", "main~0"} {
		if _, err := m.Head(ctx, "shop", branch); staging.CodeOf(err) != staging.CodeNotFound {
			t.Errorf("branch %q: %v", branch, err)
		}
	}
	for _, commit := range []string{"--all", "HEAD", "main", "xyz", "a b"} {
		if _, err := m.Resolve(ctx, "shop", commit); staging.CodeOf(err) != staging.CodeUsage {
			t.Errorf("commit %q: %v", commit, err)
		}
	}
	if _, err := m.Resolve(ctx, "shop", "deadbeef"); staging.CodeOf(err) != staging.CodeNotFound {
		t.Errorf("missing commit: %v", err)
	}
	gone := source.Repository{Project: "other", Remote: filepath.Join(t.TempDir(), "none")}
	if err := m.Fetch(ctx, gone); staging.CodeOf(err) != staging.Code(staging.ClassSource) {
		t.Errorf("no repository: %v", err)
	}
	if err := m.Fetch(ctx, source.Repository{Project: "../x", Remote: r.dir}); staging.CodeOf(err) != staging.CodeUsage {
		t.Errorf("project name: %v", err)
	}
}

func TestCheckRemote(t *testing.T) {
	for _, good := range []string{"/srv/shop.git", "https://example.com/a.git", "ssh://git@example.com/a", "git@example.com:a/b.git"} {
		if err := source.CheckRemote(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "-x", "--upload-pack=x", "ext::sh -c x", "relative/path", "ftp://x/y",
		"https://user:secret@example.com/a", "ssh://-oProxyCommand=x/y", "-o:x", "a\nb"} {
		err := source.CheckRemote(bad)
		if staging.CodeOf(err) != staging.CodeUsage {
			t.Errorf("%q: %v", bad, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the message shows the password: %v", err)
		}
	}
}
