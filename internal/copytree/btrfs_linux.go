package copytree

import (
	"os"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From linux/btrfs.h: the root directory of every subvolume has this inode,
// and a snapshot is one ioctl on the new one's parent.
const (
	subvolumeInode   = 256
	btrfsSnapCreate  = 0x50009417 // _IOW(0x94, 23, struct btrfs_ioctl_vol_args_v2)
	btrfsPathNameMax = 4039
)

type btrfsSnapshotArgs struct {
	fd      int64
	transid uint64
	flags   uint64
	unused  [4]uint64
	name    [btrfsPathNameMax + 1]byte
}

func isSubvolume(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !onBtrfs(path) {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Ino == subvolumeInode
}

// snapshot copies a whole subvolume at once. Where the kernel refuses (no
// rights, other file system) or something is to be left out, the files are
// reflinked one by one.
func (r *run) snapshot() error {
	if r.options.Skip != nil || r.snapshotIoctl() != nil {
		r.strategy = Reflink
		return r.tree()
	}
	if !r.root || (r.options.UID == 0 && r.options.GID == 0) {
		return nil
	}
	return r.ownSnapshot()
}

func (r *run) snapshotIoctl() error {
	from, err := os.Open(r.src)
	if err != nil {
		return err
	}
	defer from.Close()
	parent, err := os.Open(filepath.Dir(r.dst))
	if err != nil {
		return err
	}
	defer parent.Close()
	args := btrfsSnapshotArgs{fd: int64(from.Fd())}
	copy(args.name[:btrfsPathNameMax], filepath.Base(r.dst))
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, parent.Fd(), btrfsSnapCreate, uintptr(unsafe.Pointer(&args))) //nolint:gosec // the kernel's own interface
	if errno != 0 {
		return errno
	}
	return nil
}

func (r *run) ownSnapshot() error {
	r.src, r.device = r.dst, 0
	if err := r.list(); err != nil {
		return err
	}
	for _, e := range append(r.dirs, r.work...) {
		if err := r.own(filepath.Join(r.dst, e.rel), e.info); err != nil {
			return err
		}
	}
	return nil
}
