package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What a checkout's own configuration names to be run is not run by looking at
// it: it may have come out of an archive.
func TestLookingAtACheckoutRunsNothingOfIt(t *testing.T) {
	dir := t.TempDir()
	ran := filepath.Join(t.TempDir(), "ran")
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"config", "core.fsmonitor", "touch " + ran}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if files := listed(t.Context(), dir); !files["file"] {
		t.Errorf("the checkout has %v", files)
	}
	t.Chdir(dir)
	git(t.Context(), "status", "--porcelain")
	if _, err := os.Lstat(ran); err == nil {
		t.Error("it was run")
	}
}
