package copytree

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"offshoot/internal/componenttest"
)

// mounted is a real file system of that kind in a file, or a skip that says
// what is missing.
func mounted(t *testing.T, kind string, size int64) string {
	t.Helper()
	if os.Geteuid() != 0 {
		componenttest.Missing(t, kind, "mounting needs root")
	}
	if _, err := exec.LookPath("mkfs." + kind); err != nil {
		componenttest.Missing(t, kind, "mkfs."+kind+" is not installed")
	}
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mkfs." + kind, "-q", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			componenttest.Missing(t, kind, strings.Join(args[:1], " ")+": "+string(out))
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	return dir
}

func writeSource(t *testing.T, dir string, size int) []byte {
	t.Helper()
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	if err := os.MkdirAll(filepath.Join(dir, "base", "1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "base", "1", "table"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return content
}

func used(t *testing.T, dir string) int64 {
	t.Helper()
	if out, err := exec.Command("sync", "-f", dir).CombinedOutput(); err != nil {
		t.Fatalf("sync: %s", out)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Blocks-s.Bfree) * int64(s.Bsize)
}

func TestReflinkSharesBlocksAndStaysApart(t *testing.T) {
	for _, kind := range []string{"xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			dir := mounted(t, kind, 512<<20)
			src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
			const size = 64 << 20
			content := writeSource(t, src, size)
			before := used(t, dir)
			result, err := Copy(t.Context(), src, dst, Options{UID: 1_900_000_000, GID: 1_900_000_001})
			if err != nil || result.Strategy != Reflink {
				t.Fatalf("%+v, %v", result, err)
			}
			if grown := used(t, dir) - before; grown > size/4 {
				t.Errorf("the copy of %d bytes took %d", size, grown)
			}
			space, err := Usage(dst)
			if err != nil || space.Logical < size || space.Unique > size/4 {
				t.Errorf("a copy by reference is said to take %+v, %v", space, err)
			}
			table := filepath.Join(dst, "base", "1", "table")
			info, err := os.Stat(table)
			if err != nil {
				t.Fatal(err)
			}
			if s := info.Sys().(*syscall.Stat_t); s.Uid != 1_900_000_000 || s.Gid != 1_900_000_001 || info.Mode().Perm() != 0o600 {
				t.Errorf("owner %d:%d, mode %v", s.Uid, s.Gid, info.Mode())
			}
			if err := os.WriteFile(table, []byte("changed"), 0o600); err != nil {
				t.Fatal(err)
			}
			if space, err := Usage(src); err != nil || space.Unique < size {
				t.Errorf("what the copy no longer shares is unique: %+v, %v", space, err)
			}
			if got, err := os.ReadFile(filepath.Join(src, "base", "1", "table")); err != nil || !bytes.Equal(got, content) {
				t.Errorf("writing to the copy changed the source: %v", err)
			}
			if err := Remove(dst); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Remove: %v", err)
			}
		})
	}
}

func TestPlainCopyOntoAFullDiskLeavesNothing(t *testing.T) {
	dir := mounted(t, "xfs", 320<<20)
	src := filepath.Join(t.TempDir(), "src")
	writeSource(t, src, 400<<20)
	_, err := Copy(t.Context(), src, filepath.Join(dir, "dst"), Options{})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full disk: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A disk can have room for bytes and none for a file.
func TestPlainCopyOntoADiskThatHoldsNoMoreFilesLeavesNothing(t *testing.T) {
	dir := mounted(t, "ext4", 8<<20)
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	src := t.TempDir()
	for i := range 3000 {
		if err := os.WriteFile(filepath.Join(src, strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err = Copy(t.Context(), src, filepath.Join(dir, "dst"), Options{})
	var room *NoRoom
	if !errors.As(err, &room) || !errors.Is(err, syscall.ENOSPC) || !room.Files || room.Needed < 3000 || room.Free >= 3000 {
		t.Errorf("no more files: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != len(before) {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCancelHalfwayLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	writeSource(t, src, 64<<20)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Copy(ctx, src, filepath.Join(dir, "dst"), Options{Strategy: Plain, Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestHolesTimesAndSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	writeSource(t, src, 4096)
	sparse := filepath.Join(src, "sparse")
	if err := os.WriteFile(sparse, []byte("head"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(sparse, 256<<20); err != nil {
		t.Fatal(err)
	}
	then := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes(sparse, then, then); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(src, "pipe"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(t.Context(), src, dst, Options{Skip: func(rel string, _ fs.DirEntry) bool { return rel == "base" }}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dst, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); info.Size() != 256<<20 || s.Blocks*512 > 1<<20 || !info.ModTime().Equal(then) {
		t.Errorf("size %d, %d bytes on disk, time %v", info.Size(), s.Blocks*512, info.ModTime())
	}
	if pipe, err := os.Lstat(filepath.Join(dst, "pipe")); err != nil || pipe.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("pipe: %v, %v", pipe, err)
	}
	if _, err := os.Lstat(filepath.Join(dst, "base")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was to be skipped: %v", err)
	}
}
