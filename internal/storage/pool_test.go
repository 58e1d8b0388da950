package storage

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/componenttest"
	"offshoot/internal/copytree"
	"offshoot/internal/staging"
)

// needs skips where a pool cannot be made, and fails where CI says it must be.
func needs(t *testing.T) {
	t.Helper()
	_, missing := exec.LookPath("mkfs.xfs")
	if os.Geteuid() == 0 && missing == nil {
		return
	}
	componenttest.Missing(t, "xfs", "making a pool needs root and mkfs.xfs")
}

// filled is a data directory with something in it, on a file system that
// cannot copy by reference.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if s, err := copytree.Probe(dir); err != nil || s != copytree.Plain {
		if dir, err = os.MkdirTemp("/dev/shm", "pool-"); err != nil { // memory copies by reading
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	file := filepath.Join(dir, "env", "env_a", "clone", "db.0")
	if err := os.MkdirAll(filepath.Dir(file), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, at := range []string{poolDir, "." + poolDir + ".partial"} {
			if mounted, _ := isMount(filepath.Join(dir, at)); mounted {
				if err := run(context.Background(), mountLimit, "umount", filepath.Join(dir, at)); err != nil {
					t.Error(err)
				}
			}
		}
	})
	return dir
}

func holds(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "env", "env_a", "clone", "db.0"))
	if err != nil || string(text) != "hello" {
		t.Errorf("what was there: %q, %v", text, err)
	}
	if s, err := copytree.Probe(filepath.Join(dir, "env")); err != nil || s != copytree.Reflink {
		t.Errorf("it copies by %s, %v", s, err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Cut off at any point a pool is either not begun or finished by the next who
// opens the folder; what was there is never gone.
func TestPoolAfterACutAtEachStep(t *testing.T) {
	needs(t)
	quiet := func(string) {}
	for name, cut := range map[string]func(t *testing.T, dir string){
		"nothing": func(*testing.T, string) {},
		"while it was filled": func(t *testing.T, dir string) {
			ctx, cancel := context.WithCancel(t.Context())
			if err := fill(ctx, dir, filepath.Join(dir, "."+poolImage+".partial"), filepath.Join(dir, "."+poolDir+".partial"), MinPool, func(s string) {
				if strings.HasPrefix(s, "moving") {
					cancel()
				}
			}); err == nil {
				t.Fatal("it was not cut off")
			}
			if err := Open(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(filepath.Join(dir, "env", "env_a", "clone", "db.0")); err != nil || string(text) != "hello" {
				t.Fatalf("what was there: %q, %v", text, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			cut(t, dir)
			report, err := InitPool(t.Context(), dir, MinPool, quiet)
			if err != nil || report.MovedBytes == 0 {
				t.Fatalf("%+v, %v", report, err)
			}
			holds(t, dir)
			// Between the image's name and the links.
			for i := range pooled {
				for _, n := range pooled[i:] {
					if err := os.Remove(filepath.Join(dir, n)); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.MkdirAll(filepath.Join(dir, pooled[i], "old"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := run(t.Context(), mountLimit, "umount", filepath.Join(dir, poolDir)); err != nil {
					t.Fatal(err)
				}
				if err := Open(t.Context(), dir); err != nil {
					t.Fatal(err)
				}
				holds(t, dir)
			}
		})
	}
}

func TestPoolThatCannotBeMountedIsRefused(t *testing.T) {
	needs(t)
	dir := filled(t)
	if err := os.WriteFile(filepath.Join(dir, poolImage), []byte("no file system"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Open(t.Context(), dir); staging.CodeOf(err) != staging.CodeRefused || !strings.Contains(err.Error(), "is not mounted") {
		t.Errorf("%v", err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "env")); err != nil || !info.IsDir() {
		t.Errorf("what was there was touched: %v", err)
	}
}
