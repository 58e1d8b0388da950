package copytree

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"offshoot/internal/componenttest"
)

// TestOwnersOfOthersAreKept copies what several users have, as an image's do,
// for nobody in particular.
func TestOwnersOfOthersAreKept(t *testing.T) {
	if os.Geteuid() != 0 {
		componenttest.Missing(t, "root", "only root can give files away")
	}
	src, dst := filepath.Join(t.TempDir(), "src"), filepath.Join(t.TempDir(), "dst")
	if err := os.MkdirAll(filepath.Join(src, "uploads"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("uploads", "picture")
	if err := os.WriteFile(filepath.Join(src, file), []byte("a picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, uid := range map[string]int{"uploads": 33, file: 1001} {
		if err := os.Lchown(filepath.Join(src, path), uid, uid+1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Copy(t.Context(), src, dst, Options{UID: -1, GID: -1}); err != nil {
		t.Fatal(err)
	}
	for path, uid := range map[string]uint32{"uploads": 33, file: 1001} {
		info, err := os.Stat(filepath.Join(dst, path))
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); s.Uid != uid || s.Gid != uid+1 {
			t.Errorf("%s is of %d:%d, was of %d", path, s.Uid, s.Gid, uid)
		}
	}
}
