//go:build linux

package shim

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal is a pair of the terminals that the command's own view has, so that
// its name in there is right.
func (v *supervisor) terminal(r Request) (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("/dev/ptmx: %w", err)
	}
	master = os.NewFile(uintptr(fd), "terminal")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		_ = master.Close()
		return nil, nil, fmt.Errorf("unlock: %w", err)
	}
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		_ = master.Close()
		return nil, nil, fmt.Errorf("other end: %w", syscall.Errno(errno))
	}
	slave = os.NewFile(peer, "terminal")
	_ = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: r.Rows, Col: r.Cols}) // only looks
	if v.c.UID != OwnUser {
		if err := slave.Chown(v.c.UID, -1); err != nil {
			_, _ = master.Close(), slave.Close()
			return nil, nil, err
		}
	}
	return master, slave, nil
}
