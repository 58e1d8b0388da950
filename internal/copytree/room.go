package copytree

import (
	"fmt"
	"syscall"
)

// reserve and reserveFiles are what a copy leaves free for the servers that
// write to the same disk: one that cannot write its log stops.
const (
	reserve      = 64 << 20
	reserveFiles = 64
)

// NoRoom is a copy for which a disk has no room. It is ENOSPC to errors.Is.
type NoRoom struct {
	// Free and Needed are bytes, or how many files where Files says so.
	Free, Needed int64
	Files        bool
}

func (e *NoRoom) Error() string {
	if e.Files {
		return fmt.Sprintf("%d more files can be made, %d are needed", e.Free, e.Needed)
	}
	return fmt.Sprintf("%d MB are free, %d MB are needed", e.Free>>20, e.Needed>>20)
}

// Unwrap is what a full disk says.
func (*NoRoom) Unwrap() error { return syscall.ENOSPC }

// Room refuses, as a full disk does, a copy of so many bytes and files to below
// dir before it takes the last room from whoever else writes there.
func Room(dir string, bytes, files int64) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	if disk.Files > 0 && int64(disk.Ffree) < files+reserveFiles { // a file system without a number of its own says 0
		return &NoRoom{int64(disk.Ffree), files + reserveFiles, true}
	}
	if free := int64(disk.Bavail) * int64(disk.Bsize); free < bytes+reserve {
		return &NoRoom{free, bytes + reserve, false}
	}
	return nil
}
