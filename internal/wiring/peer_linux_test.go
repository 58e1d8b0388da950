package wiring

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
)

func TestWhoIsBehindAConnectionIsFound(t *testing.T) {
	for _, x := range []struct{ listen, dial, network string }{{"127.0.0.1:0", "127.0.0.1", "tcp4"}, {"[::1]:0", "::1", "tcp6"}, {"[::]:0", "127.0.0.1", "tcp4"}} {
		l, err := net.Listen("tcp", x.listen)
		if err != nil {
			t.Logf("no %s here: %v", x.listen, err)
			continue
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		client, err := net.Dial(x.network, net.JoinHostPort(x.dial, port))
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := behind(server.RemoteAddr().String()); !ok || p.uid != os.Getuid() || p.inode != inodeOf(t, client) {
			t.Errorf("%s: %+v %t, want socket %s", server.RemoteAddr(), p, ok, inodeOf(t, client))
		}
		for _, c := range []interface{ Close() error }{client, server, l} {
			_ = c.Close()
		}
	}
	for _, remote := range []string{"203.0.113.1:80", "127.0.0.1:1", "nonsense"} {
		if _, ok := behind(remote); ok {
			t.Errorf("%s is somebody's", remote)
		}
	}
}

// inodeOf is the inode of a connection's socket.
func inodeOf(t *testing.T, c net.Conn) string {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info syscall.Stat_t
	if err := raw.Control(func(fd uintptr) { err = syscall.Fstat(int(fd), &info) }); err != nil {
		t.Fatal(err)
	}
	return strconv.FormatUint(info.Ino, 10)
}
