package wiring

import (
	"net"
	"os"
	"testing"
)

func TestTheUserBehindAConnectionIsFound(t *testing.T) {
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
		if uid, ok := userBehind(server.RemoteAddr().String()); !ok || uid != os.Getuid() {
			t.Errorf("%s: user %d %t", server.RemoteAddr(), uid, ok)
		}
		for _, c := range []interface{ Close() error }{client, server, l} {
			_ = c.Close()
		}
	}
	for _, remote := range []string{"203.0.113.1:80", "127.0.0.1:1", "nonsense"} {
		if _, ok := userBehind(remote); ok {
			t.Errorf("%s is somebody's", remote)
		}
	}
}
