//go:build !linux

package copytree

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const chunk = 8 << 20

// reflink needs a system call on names elsewhere; files are read and written.
func reflink(_, _ *os.File) error { return errors.ErrUnsupported }

func syncFilesystem(string) error {
	unix.Sync()
	return nil
}

func openBeneath(dir *os.File, rel string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir.Name(), rel), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

func makePipe(path string) error { return unix.Mkfifo(path, 0o600) }

func deviceOf(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev)
	}
	return 0
}

func ownerOf(info fs.FileInfo) (uid, gid int) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), int(s.Gid)
	}
	return os.Geteuid(), os.Getegid()
}

func copySparse(ctx context.Context, in, out *os.File, _ int64, advance func(int64)) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := io.CopyN(out, in, chunk)
		advance(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func sharedBytes(string) (int64, error) { return 0, nil }
