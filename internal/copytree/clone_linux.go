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

// chunk bounds one copy_file_range, so that a deadline and progress are seen.
const chunk = 8 << 20

func reflink(in, out *os.File) error {
	return unix.IoctlFileClone(int(out.Fd()), int(in.Fd()))
}

func syncFilesystem(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}

// openBeneath opens a file of a folder through no symbolic link: whoever writes
// there while it is copied could put one in the place of any folder on the way.
// Before Linux 5.6 only the last element is seen to.
func openBeneath(dir *os.File, rel string) (*os.File, error) {
	path := filepath.Join(dir.Name(), rel)
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	for {
		fd, err := unix.Openat2(int(dir.Fd()), rel, &how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), path), nil
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
			return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		case !errors.Is(err, unix.EINTR):
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
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

// copySparse copies the data of in and leaves its holes holes.
func copySparse(ctx context.Context, in, out *os.File, size int64, advance func(int64)) error {
	var offset int64
	for offset < size {
		data, err := unix.Seek(int(in.Fd()), offset, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			advance(size - offset)
			break // a hole up to the end
		}
		if err != nil {
			data = offset // no support for holes: all is data
		}
		hole, err := unix.Seek(int(in.Fd()), data, unix.SEEK_HOLE)
		if err != nil || hole > size {
			hole = size
		}
		advance(data - offset)
		if err := copyRange(ctx, in, out, data, hole, advance); err != nil {
			return err
		}
		offset = hole
	}
	return out.Truncate(size)
}

func copyRange(ctx context.Context, in, out *os.File, from, to int64, advance func(int64)) error {
	if _, err := in.Seek(from, io.SeekStart); err != nil {
		return err
	}
	if _, err := out.Seek(from, io.SeekStart); err != nil {
		return err
	}
	for from < to {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		// io.CopyN between files uses copy_file_range and falls back to reading.
		n, err := io.CopyN(out, in, min(chunk, to-from))
		from += n
		advance(n)
		if errors.Is(err, io.EOF) {
			return nil // shorter than it was: a crash-consistent source may be
		}
		if err != nil {
			return err
		}
	}
	return nil
}
