package copytree

import (
	"fmt"
	"syscall"
)

// reserve is what a copy leaves free for the servers that write to the same
// disk: one that cannot write its log stops.
const reserve = 64 << 20

// Room refuses, as a full disk does, a copy of that many bytes to below dir
// before it takes the last space from whoever else writes there.
func Room(dir string, bytes int64) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	if free := int64(disk.Bavail) * int64(disk.Bsize); free < bytes+reserve {
		return fmt.Errorf("%d MB are free, %d MB are to be copied: %w", free>>20, bytes>>20, syscall.ENOSPC)
	}
	return nil
}
