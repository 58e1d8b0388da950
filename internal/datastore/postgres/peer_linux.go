package postgres

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peer refuses a server that another user runs than the one of the data: who is
// a superuser of a cluster can put a link to another's socket in the place of
// its own.
func peer(conn net.Conn, uid int) error {
	socket, ok := conn.(*net.UnixConn)
	if !ok || uid <= 0 {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var credentials *unix.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) {
		credentials, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if asked != nil {
		return asked
	}
	if int(credentials.Uid) != uid {
		return fmt.Errorf("the server at its socket runs as user %d, not as %d", credentials.Uid, uid)
	}
	return nil
}
