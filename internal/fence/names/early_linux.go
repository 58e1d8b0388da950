package names

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// early lets a socket be bound to an address that an engine is yet to give this
// host.
func early(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_FREEBIND, 1) })
	return errors.Join(err, failed)
}
