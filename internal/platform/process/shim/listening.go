//go:build linux

package shim

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stateListen is TCP_LISTEN in /proc/net/tcp (include/net/tcp_states.h).
const stateListen = "0A"

// sockets are the inodes of those that the workload's processes have open: the
// network is the host's, so sockets are told apart by who holds them.
func (v *supervisor) sockets() (map[string]bool, error) {
	members, err := v.everything().members()
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for _, p := range members {
		dir := "/proc/" + strconv.Itoa(p.pid) + "/fd"
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue // it has just ended
		}
		for _, fd := range fds {
			target, _ := os.Readlink(dir + "/" + fd.Name())
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				held[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	return held, nil
}

// listening are the TCP addresses on which the workload's processes listen.
func (v *supervisor) listening() ([]string, error) {
	held, err := v.sockets()
	if err != nil {
		return nil, err
	}
	var list []string
	for family, table := range map[uint8]string{unix.AF_INET: "/proc/net/tcp", unix.AF_INET6: "/proc/net/tcp6"} {
		found, err := diagnosed(family, held)
		if err != nil { // a kernel without
			found, err = listed(table, held)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// listed is what diagnosed finds, from the kernel's own listing.
func listed(table string, held map[string]bool) ([]string, error) {
	f, err := os.Open(table)
	if os.IsNotExist(err) {
		return nil, nil // no IPv6
	}
	if err != nil {
		return nil, fmt.Errorf("sockets: %w", err)
	}
	defer func() { _ = f.Close() }()
	var list []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != stateListen || !held[fields[9]] {
			continue
		}
		if at, ok := address(fields[1]); ok {
			list = append(list, at)
		}
	}
	return list, lines.Err()
}

// address reads the kernel's notation: 32-bit words in the host's order, then
// the port (proc_net_tcp.txt).
func address(text string) (string, bool) {
	host, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(raw)%4 != 0 {
		return "", false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	ip, ok := netip.AddrFromSlice(raw)
	return net.JoinHostPort(ip.Unmap().String(), strconv.FormatUint(n, 10)), ok
}
