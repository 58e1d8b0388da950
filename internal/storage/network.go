package storage

import (
	"golang.org/x/sys/unix"

	"offshoot/internal/staging"
)

// Local refuses a data directory on another machine's disk, by name.
func Local(dir string) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return err
	}
	return local(dir, int64(disk.Type))
}

// local refuses a data directory on another machine's disk, by name.
func local(dir string, magic int64) error {
	if name, ok := networks[magic]; ok {
		return staging.Refused("choose a --data-dir on a disk of this machine", "%s is on %s: data servers would lose data there", dir, name)
	}
	return nil
}
