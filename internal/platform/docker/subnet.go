package docker

import (
	"bufio"
	"encoding/binary"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// subnetBits is how large an environment's network is.
const subnetBits = 24

// layout of a subnet: the host's address, the first and last of instances, and
// what the engine gives out itself.
func gateway(subnet netip.Prefix) netip.Addr { return at(subnet, 1) }

func dynamic(subnet netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(at(subnet, firstDynamic), subnetBits+1)
}

const firstInstance, firstDynamic = 2, 128

// at is the nth address of a subnet.
func at(subnet netip.Prefix, n uint32) netip.Addr {
	a := subnet.Masked().Addr().As4()
	binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(a[:])+n)
	return netip.AddrFrom4(a)
}

// freeSubnet is the first of the pool that overlaps with nothing taken, counted
// from start on.
func freeSubnet(pool netip.Prefix, taken []netip.Prefix, start int) (netip.Prefix, bool) {
	count := 1 << (subnetBits - pool.Bits())
	for i := range count {
		n := uint32((start+i)%count) << (32 - subnetBits)
		candidate := netip.PrefixFrom(at(pool, n), subnetBits)
		if !overlaps(candidate, taken) {
			return candidate, true
		}
	}
	return netip.Prefix{}, false
}

func overlaps(p netip.Prefix, list []netip.Prefix) bool {
	for _, other := range list {
		if p.Overlaps(other) {
			return true
		}
	}
	return false
}

// routes are the networks that this host reaches, the default route apart; none
// where the system has no such file.
func routes(file string) []netip.Prefix {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	var list []netip.Prefix
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// Iface Destination Gateway Flags RefCnt Use Metric Mask (proc(5)), in
		// the byte order of the machine.
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 {
			continue
		}
		to, ok := address(fields[1])
		mask, okMask := address(fields[7])
		if !ok || !okMask {
			continue
		}
		bits := 0
		for m := binary.BigEndian.Uint32(mask[:]); m&(1<<31) != 0; m <<= 1 {
			bits++
		}
		if bits > 0 {
			list = append(list, netip.PrefixFrom(netip.AddrFrom4(to), bits))
		}
	}
	return list
}

func address(hex string) (a [4]byte, ok bool) {
	n, err := strconv.ParseUint(hex, 16, 32)
	binary.NativeEndian.PutUint32(a[:], uint32(n))
	return a, err == nil
}
