//go:build linux

package process

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// rememberedFile, beside the environments, says what trying has found out, for
// a server that starts where nothing can be tried: on a full disk it is needed to
// take away what filled that, on a busy host what runs is to be found again.
const rememberedFile = "shape.json"

// remembered is what was found out, and what it holds for.
type remembered struct {
	Shape   Shape  `json:"shape"`
	Users   bool   `json:"users"`
	Overlay bool   `json:"overlay"`
	Wanted  Shape  `json:"wanted,omitempty"`
	Kernel  string `json:"kernel"`
	UID     int    `json:"uid"`
}

func (d *Driver) rememberedFile() string { return filepath.Join(filepath.Dir(d.dir), rememberedFile) }

// remember keeps what was found out. A disk that is too full for that keeps
// what it has.
func (d *Driver) remember(wanted Shape) error {
	now := remembered{d.shape, d.users, d.overlay, wanted, kernel(), os.Geteuid()}
	var known remembered
	if err := readFile(d.rememberedFile(), &known); err == nil && known == now {
		return nil
	}
	return unlessFull(writeFile(d.rememberedFile(), now))
}

// full is whether nothing can be tried on this disk.
func (d *Driver) full() bool {
	var disk unix.Statfs_t
	const room = 1 << 20
	err := unix.Statfs(filepath.Dir(d.dir), &disk)
	return err == nil && int64(disk.Bavail)*disk.Bsize < room
}

// recall takes over what an earlier server found out on this kernel.
func (d *Driver) recall(wanted Shape) bool {
	var known remembered
	if err := readFile(d.rememberedFile(), &known); err != nil || known.Wanted != wanted || known.Kernel != kernel() || known.UID != os.Geteuid() {
		return false
	}
	d.abilities = abilities{known.Shape, known.Users, known.Overlay}
	return true
}

// kernel is the running one's release and version, "" where it does not say.
func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:]) + " " + unix.ByteSliceToString(name.Version[:])
}
