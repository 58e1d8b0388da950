package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/source"
	"offshoot/internal/staging"
)

// joinedTo fetches r, and joins others to it at folders.
func joinedTo(t *testing.T, m *source.Mirrors, r *repository, others map[string]*repository) []staging.JoinedRevision {
	t.Helper()
	if err := m.Fetch(t.Context(), source.Repository{Project: "shop", Remote: r.dir}); err != nil {
		t.Fatal(err)
	}
	var joined []staging.JoinedRevision
	for folder, other := range others {
		if err := m.FetchJoined(t.Context(), source.Repository{Project: "shop", Remote: other.dir}, folder); err != nil {
			t.Fatal(err)
		}
		heads, err := m.JoinedBranches(t.Context(), "shop", folder)
		if err != nil || len(heads) != 1 {
			t.Fatal(heads, err)
		}
		joined = append(joined, staging.JoinedRevision{Folder: folder, Branch: "main", ID: heads["main"]})
	}
	return joined
}

func TestACheckoutHasWhatIsJoined(t *testing.T) {
	own, worker, m := newRepository(t), newRepository(t), mirrors(t)
	head := own.commit("web.txt", "web")
	workers := worker.commit("worker.txt", "worker")
	joined := joinedTo(t, m, own, map[string]*repository{"services/worker": worker})
	commit, tree, err := m.Whole(t.Context(), "shop", head, joined)
	if err != nil {
		t.Fatal(err)
	}
	again, same, err := m.Whole(t.Context(), "shop", head, joined)
	if err != nil || again != commit || same != tree || len(commit) != 40 || len(tree) != 40 {
		t.Errorf("%s %s, then %s %s: %v", commit, tree, again, same, err)
	}
	if elsewhere, _, err := m.Whole(t.Context(), "shop", head, []staging.JoinedRevision{{Folder: "other", ID: workers}}); err != nil || elsewhere == commit {
		t.Errorf("at another folder it is %s too: %v", elsewhere, err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := m.Checkout(t.Context(), "shop", commit, dir); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"web.txt": "web", "services/worker/worker.txt": "worker"} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(text) != want {
			t.Errorf("%s holds %q: %v", file, text, err)
		}
	}
	// Neither is a branch of the project's.
	if heads, err := m.Branches(t.Context(), "shop"); err != nil || len(heads) != 1 || heads["main"] != head {
		t.Errorf("branches %v: %v", heads, err)
	}
	// A fetch of its own leaves what is joined, and the other way round.
	own.commit("web.txt", "web 2")
	_ = joinedTo(t, m, own, nil)
	if heads, err := m.JoinedBranches(t.Context(), "shop", "services/worker"); err != nil || heads["main"] != workers {
		t.Errorf("%v: %v", heads, err)
	}
	if err := m.ForgetJoined(t.Context(), "shop", []string{"other"}); err != nil {
		t.Fatal(err)
	}
	if heads, err := m.JoinedBranches(t.Context(), "shop", "services/worker"); err != nil || len(heads) != 0 {
		t.Errorf("still there: %v: %v", heads, err)
	}
	if err := m.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Checkout(t.Context(), "shop", commit, dir+"2"); err != nil {
		t.Errorf("what was made of both is gone: %v", err)
	}
}

func TestWhatIsJoinedTakesNobodysPlace(t *testing.T) {
	for folder, want := range map[string]string{"web": "", "taken": "has taken/", "taken/below": "", "file": "has file itself", "file/below": "has file itself", "module": "", "*": ""} {
		own, worker, m := newRepository(t), newRepository(t), mirrors(t)
		if err := os.Mkdir(filepath.Join(own.dir, "taken"), 0o755); err != nil {
			t.Fatal(err)
		}
		own.commit("taken/a.txt", "a")
		own.commit("file", "a")
		worker.commit("worker.txt", "worker")
		own.git("update-index", "--add", "--cacheinfo", "160000,"+worker.git("rev-parse", "HEAD")+",module")
		own.git("commit", "-q", "-m", "A submodule")
		_, _, err := m.Whole(t.Context(), "shop", own.git("rev-parse", "HEAD"), joinedTo(t, m, own, map[string]*repository{folder: worker}))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", folder, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, not %q", folder, err, want)
		}
	}
}
