package reconcile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"offshoot/internal/human"
	"offshoot/internal/staging"
)

// diskFull says in plain words what the kernel says in its own; dir is where
// the space was lacking.
func diskFull(err error, dir string) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	message := "the disk is full"
	var disk syscall.Statfs_t
	for ; dir != "/" && dir != "."; dir = filepath.Dir(dir) { // the nearest that is there
		if syscall.Statfs(dir, &disk) == nil {
			message += fmt.Sprintf(": %s are free in %s", human.Size(int64(disk.Bavail)*int64(disk.Bsize)), dir)
			break
		}
	}
	return &staging.Error{Code: staging.ClassCode(staging.ClassCapacity), Message: message, Err: err,
		Hint: "free space on the server's data folder, then try again; nothing was left behind"}
}

// size is the logical size of the files below a folder.
func size(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
