package storage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"offshoot/internal/copytree"
	"offshoot/internal/staging"
)

// MayInit refuses what cannot be, before anything is touched or locked.
func MayInit(dir string, size int64) error {
	if size < MinPool {
		return staging.Errorf(staging.CodeUsage, "for example --size 300G", "a pool has at least %d MB", MinPool>>20)
	}
	if _, err := os.Lstat(filepath.Join(dir, poolImage)); err == nil {
		return staging.Refused("it is used already; doctor shows how data is copied", "%s has a pool", dir)
	}
	if os.Geteuid() != 0 {
		return staging.Refused(fmt.Sprintf("as an administrator: sudo offshoot storage init --data-dir %s --size %dM", dir, size>>20), "making and mounting a file system needs root")
	}
	if strategy, err := copytree.Probe(dir); err != nil {
		return err
	} else if strategy != copytree.Plain {
		return staging.Refused("nothing is to be done", "%s is on a file system that copies by reference (%s)", dir, strategy)
	}
	for program, pkg := range map[string]string{"mkfs.xfs": "xfsprogs", "mount": "mount", "cp": "coreutils"} {
		if _, err := exec.LookPath(program); err != nil {
			return staging.Refused("install "+pkg, "this host has no %s", program)
		}
	}
	return nil
}

// enough refuses a pool that the disk could not hold beside what is moved.
func enough(dir string, size, used int64) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return err
	}
	free := int64(disk.Bavail) * int64(disk.Bsize)
	if size > free {
		return staging.Errorf(staging.CodeLimit, fmt.Sprintf("--size %dG, or free some space", free>>30), "%s has %d GB free, the pool is to have %d GB", dir, free>>30, size>>30)
	}
	if used > size/10*9 {
		return staging.Errorf(staging.CodeLimit, "choose a larger --size", "the data takes %d MB, which a pool of %d MB does not hold", used>>20, size>>20)
	}
	return nil
}
