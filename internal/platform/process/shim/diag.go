//go:build linux

package shim

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's socket diagnosis (sock_diag(7), linux/inet_diag.h). Its listing
// has what is asked for alone; /proc/net/tcp walks the table of every connection
// that could be, some milliseconds even where there is none.
const (
	diagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	diagListen   = 10 // TCP_LISTEN
	diagTimeout  = 1  // seconds
)

// diagID is a socket's addresses; all of it is in network order but for the
// cookie.
type diagID struct {
	sourcePort, targetPort [2]byte
	source, target         [16]byte
	device                 uint32
	cookie                 [2]uint32
}

type diagRequest struct {
	header                       unix.NlMsghdr
	family, protocol, extra, pad uint8
	states                       uint32
	id                           diagID
}

type diagAnswer struct {
	family, state, timer, retransmits uint8
	id                                diagID
	expires, received, sent           uint32
	uid, inode                        uint32
}

// diagnosed are the addresses of a family on which the sockets that are held
// accept connections.
func diagnosed(family uint8, held map[string]bool) ([]string, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: diagTimeout}); err != nil {
		return nil, err
	}
	r := diagRequest{family: family, protocol: unix.IPPROTO_TCP, states: 1 << diagListen}
	r.header = unix.NlMsghdr{Len: uint32(unsafe.Sizeof(r)), Type: diagByFamily, Flags: unix.NLM_F_REQUEST | unix.NLM_F_DUMP}
	if err := unix.Sendto(fd, (*[unsafe.Sizeof(r)]byte)(unsafe.Pointer(&r))[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	var list []string
	for buffer := make([]byte, 32<<10); ; {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil {
			return nil, err
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			switch {
			case m.Header.Type == unix.NLMSG_DONE:
				return list, nil
			case m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4:
				return nil, unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
			case m.Header.Type == diagByFamily && len(m.Data) >= int(unsafe.Sizeof(diagAnswer{})):
				a := (*diagAnswer)(unsafe.Pointer(&m.Data[0]))
				if held[strconv.FormatUint(uint64(a.inode), 10)] {
					list = append(list, a.id.address(a.family))
				}
			}
		}
	}
}

func (id diagID) address(family uint8) string {
	ip := netip.AddrFrom16(id.source)
	if family == unix.AF_INET {
		ip = netip.AddrFrom4([4]byte(id.source[:4]))
	}
	return net.JoinHostPort(ip.Unmap().String(), strconv.Itoa(int(binary.BigEndian.Uint16(id.sourcePort[:]))))
}
