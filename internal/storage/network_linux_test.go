package storage

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"offshoot/internal/staging"
)

func TestNetworkFileSystemsAreRefusedByName(t *testing.T) {
	for magic, part := range map[int64]string{unix.NFS_SUPER_MAGIC: "is on NFS", unix.CIFS_SUPER_MAGIC: "is on SMB"} {
		if err := local("/data", magic); staging.CodeOf(err) != staging.CodeRefused || !strings.Contains(err.Error(), part) {
			t.Errorf("%x: %v", magic, err)
		}
	}
	if err := local("/data", unix.EXT4_SUPER_MAGIC); err != nil {
		t.Error(err)
	}
}
