package storage

import (
	"golang.org/x/sys/unix"

	"offshoot/internal/staging"
)

// networks are file systems of other machines, by the magic numbers of
// statfs(2). Neither locks nor what a server has written out can be relied on
// there, and another machine may use the same files.
var networks = map[int64]string{unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "SMB",
	unix.AFS_SUPER_MAGIC: "AFS", unix.CODA_SUPER_MAGIC: "Coda"}

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
