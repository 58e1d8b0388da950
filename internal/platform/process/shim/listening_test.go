//go:build linux

package shim

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"offshoot/internal/componenttest"

	"golang.org/x/sys/unix"
)

// Both ways to ask the kernel say the same of sockets of ours.
func TestListeners(t *testing.T) {
	for family, c := range map[uint8]struct{ table, at string }{unix.AF_INET: {"/proc/net/tcp", "127.0.0.1:0"}, unix.AF_INET6: {"/proc/net/tcp6", "[::1]:0"}} {
		l, err := net.Listen("tcp", c.at)
		if err != nil && family == unix.AF_INET6 {
			continue // a host without
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		dialed, err := net.Dial("tcp", l.Addr().String()) // a connection is no listener
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = dialed.Close() }()
		held := map[string]bool{}
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(target, "socket:[") {
				held[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
			}
		}
		asked, err := diagnosed(family, held)
		if err != nil {
			componenttest.Missing(t, "sock-diag", err.Error())
		}
		read, err := listed(c.table, held)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(asked)
		slices.Sort(read)
		if !slices.Equal(asked, read) || !slices.Contains(asked, l.Addr().String()) {
			t.Errorf("%s: %q and %q, want %s", c.table, asked, read, l.Addr())
		}
		if none, err := diagnosed(family, map[string]bool{strconv.Itoa(1): true}); err != nil || len(none) > 0 {
			t.Errorf("of others: %q, %v", none, err)
		}
	}
}
