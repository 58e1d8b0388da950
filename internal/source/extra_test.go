package source_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/source"
)

// neighbours are two repositories side by side, of which the first has the
// second as a submodule.
func neighbours(t *testing.T, address string) (*repository, *repository) {
	parent := t.TempDir()
	main, lib := &repository{t, filepath.Join(parent, "main")}, &repository{t, filepath.Join(parent, "lib")}
	for _, r := range []*repository{main, lib} {
		if err := os.MkdirAll(r.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		r.git("init", "-q", "-b", "main")
	}
	lib.commit("lib.txt", "of the library")
	main.commit("a", "1")
	main.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", lib.dir, "vendor/lib")
	main.git("config", "-f", ".gitmodules", "submodule.vendor/lib.url", address)
	main.commit(".gitkeep", "")
	return main, lib
}

// checkout fetches and checks the newest commit of main out.
func checkout(t *testing.T, r *repository, allow source.Repository) (string, error) {
	t.Helper()
	ctx := context.Background()
	m := mirrors(t)
	allow.Project, allow.Remote = "shop", r.dir
	m.Describe = func(context.Context, string) (source.Repository, error) { return allow, nil }
	if err := m.Fetch(ctx, allow); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	return dir, m.Checkout(ctx, "shop", r.git("rev-parse", "main"), dir)
}

func TestSubmodulesWhereTheProjectSaysSo(t *testing.T) {
	main, lib := neighbours(t, "../lib")
	dir, err := checkout(t, main, source.Repository{Submodules: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "vendor/lib/lib.txt")); string(got) != "of the library" {
		t.Errorf("lib.txt is %q", got)
	}
	lib.commit("lib.txt", "newer") // what is recorded counts, not what is newest
	if dir, err = checkout(t, main, source.Repository{Submodules: true}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "vendor/lib/lib.txt")); string(got) != "of the library" {
		t.Errorf("lib.txt is %q", got)
	}
	if dir, err = checkout(t, main, source.Repository{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "vendor/lib/lib.txt")); err == nil {
		t.Error("a submodule that the project does not allow")
	}
}

func TestASubmoduleReachesNoOtherFolder(t *testing.T) {
	for _, address := range []string{"/etc/secret", "file:///etc/secret", "../../secret", "../lib/../../x", "--upload-pack=touch", "ext::sh -c id", "https://u:p@example.com/x"} {
		main, _ := neighbours(t, address)
		if dir, err := checkout(t, main, source.Repository{Submodules: true}); err == nil {
			t.Errorf("%s was fetched to %s", address, dir)
		}
	}
}

func TestLargeFilesWhereTheProjectSaysSo(t *testing.T) {
	require(t, "git-lfs")
	r := newRepository(t)
	r.git("lfs", "install", "--local")
	r.git("lfs", "track", "*.bin")
	large := strings.Repeat("large ", 1000)
	r.commit("big.bin", large)
	bare := filepath.Join(t.TempDir(), "bare.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "-b", "main", bare).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	r.git("remote", "add", "origin", "file://"+bare)
	r.git("push", "-q", "origin", "main")
	pushed := &repository{t, bare}
	for allowed, want := range map[bool]string{true: large, false: "version https://git-lfs"} {
		dir, err := checkout(t, pushed, source.Repository{LFS: allowed})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "big.bin")); !strings.HasPrefix(string(got), want) {
			t.Errorf("allowed %v: big.bin is %.40q", allowed, got)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.lfs-new")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}
