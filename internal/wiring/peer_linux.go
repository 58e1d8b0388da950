package wiring

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// userBehind is the user whose process is at the other end of a connection of
// this machine, as /proc/net/tcp lists it (proc(5)); ok is false where it
// cannot be told.
func userBehind(remote string) (uid int, ok bool) {
	at, err := netip.ParseAddrPort(remote)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return 0, false
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if uid, ok := userIn(table, at); ok {
			return uid, true
		}
	}
	return 0, false
}

func userIn(table string, at netip.AddrPort) (uid int, ok bool) {
	f, err := os.Open(table)
	if err != nil {
		return 0, false
	}
	defer func() { _ = f.Close() }()
	want := socketName(at, strings.HasSuffix(table, "6"))
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid …
		fields := strings.Fields(lines.Text())
		if len(fields) > 7 && fields[1] == want {
			uid, err := strconv.Atoi(fields[7])
			return uid, err == nil
		}
	}
	return 0, false
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
