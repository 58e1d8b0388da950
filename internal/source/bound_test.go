package source_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"offshoot/internal/source"
	"offshoot/internal/staging"
)

// object stores what a Git command reads, and answers its name.
func (r *repository) object(input string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = r.dir, strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// A few objects can unpack to more than any host holds.
func TestACommitOfBillionsOfFilesIsRefused(t *testing.T) {
	r, m := newRepository(t), mirrors(t)
	r.commit("a.txt", "one")
	entry := "100644 blob " + r.object("x", "hash-object", "-w", "--stdin")
	for range 10 {
		var tree strings.Builder
		for i := range 10 {
			tree.WriteString(entry + "\t" + strconv.Itoa(i) + "\n")
		}
		entry = "040000 tree " + r.object(tree.String(), "mktree")
	}
	bomb := r.git("commit-tree", "-m", "bomb", strings.TrimPrefix(entry, "040000 tree "))
	r.git("branch", "bomb", bomb)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := m.Fetch(ctx, source.Repository{Project: "shop", Remote: r.dir}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	err := m.Checkout(ctx, "shop", bomb, dir)
	if staging.CodeOf(err) != staging.ClassCode(staging.ClassSource) || !strings.Contains(err.Error(), "more files than any checkout may have") {
		t.Errorf("checkout: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if rev, err := m.Revision(ctx, "shop", bomb); err != nil || rev.Message != "bomb" {
		t.Errorf("what people see of it: %+v, %v", rev, err)
	}
	if _, err := m.Tracked(ctx, "shop", bomb); staging.CodeOf(err) != staging.ClassCode(staging.ClassSource) {
		t.Errorf("its files: %v", err)
	}
}
