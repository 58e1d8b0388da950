package wiring

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// behind is the other end of a connection of this machine, as /proc/net/tcp lists
// it (proc(5)); ok is false where it cannot be told.
func behind(remote string) (p peer, ok bool) {
	at, err := netip.ParseAddrPort(remote)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return peer{}, false
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if p, ok := peerIn(table, at); ok {
			return p, true
		}
	}
	return peer{}, false
}

func peerIn(table string, at netip.AddrPort) (p peer, ok bool) {
	f, err := os.Open(table)
	if err != nil {
		return peer{}, false
	}
	defer func() { _ = f.Close() }()
	want := socketName(at, strings.HasSuffix(table, "6"))
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && fields[1] == want {
			uid, err := strconv.Atoi(fields[7])
			return peer{uid, fields[9]}, err == nil
		}
	}
	return peer{}, false
}

// socketName is an address as the kernel prints it: words of four bytes in the
// order of the machine, which is little-endian wherever we run.
func socketName(at netip.AddrPort, six bool) string {
	bytes := at.Addr().Unmap().AsSlice()
	if six {
		wide := at.Addr().As16()
		bytes = wide[:]
	}
	var b strings.Builder
	for i := 0; i+3 < len(bytes); i += 4 {
		fmt.Fprintf(&b, "%02X%02X%02X%02X", bytes[i+3], bytes[i+2], bytes[i+1], bytes[i])
	}
	return fmt.Sprintf("%s:%04X", b.String(), at.Port())
}
