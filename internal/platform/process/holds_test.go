//go:build linux

package process_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

// TestAnEnvironmentsOwnSocketIsKnown holds that where all environments run as the
// server's user each one's connections are told from others'.
func TestAnEnvironmentsOwnSocketIsKnown(t *testing.T) {
	h := newHost(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	r := workload("ask", fmt.Sprintf(`exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d; echo up; exec sleep 600'`, l.Addr().(*net.TCPAddr).Port))
	h.apply(r)
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = theirs.Close() }()
	h.says(r, "up")
	ours, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ours.Close() }()
	oneUser := strings.Contains(h.Traits().Isolation, "all under the user")
	if got := h.Holds(h.ctx, "env_a", inodeAt(t, theirs.RemoteAddr())); got != oneUser {
		t.Errorf("its own: %t, want %t", got, oneUser)
	}
	if h.Holds(h.ctx, "env_a", inodeAt(t, ours.LocalAddr())) || h.Holds(h.ctx, "env_b", inodeAt(t, theirs.RemoteAddr())) {
		t.Error("somebody else's is taken for its own")
	}
}

// inodeAt is the inode of the socket with that address, as proc(5) lists it.
func inodeAt(t *testing.T, local net.Addr) string {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", local.(*net.TCPAddr).Port)) {
			return f[9]
		}
	}
	t.Fatalf("%s is nobody's", local)
	return ""
}
