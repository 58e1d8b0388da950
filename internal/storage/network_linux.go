package storage

import "golang.org/x/sys/unix"

// networks are file systems of other machines, by the magic numbers of
// statfs(2). Neither locks nor what a server has written out can be relied on
// there, and another machine may use the same files.
var networks = map[int64]string{unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "SMB",
	unix.AFS_SUPER_MAGIC: "AFS", unix.CODA_SUPER_MAGIC: "Coda"}
