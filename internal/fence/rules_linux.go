package fence

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Where packets are looked at: before what an engine does, so that it cannot lead
// them elsewhere first.
const (
	beforeFilter = -10
	beforeNAT    = -110
)

// Registers of the kernel (nf_tables.h): the first and second of 16 bytes, and the
// parts of the second.
const (
	first      = unix.NFT_REG_1
	second     = unix.NFT_REG_2
	secondPart = unix.NFT_REG32_00 + 5
	thirdPart  = unix.NFT_REG32_00 + 6
	third      = unix.NFT_REG_3
)

// Addresses at which clouds tell a machine what it is and who it may be. At port 53
// some have their name server there.
var metadata = []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("100.100.100.200/32"), netip.MustParsePrefix("192.0.0.192/32"),
	netip.MustParsePrefix("168.63.129.16/32"), netip.MustParsePrefix("fd00:ec2::254/128"), netip.MustParsePrefix("fd20:ce::254/128")}

const domainPort = 53

// rules are what the table's chains ask of each packet.
func (k kernel) rules(c *nftables.Conn, table *nftables.Table, s sets) {
	chain := func(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority nftables.ChainPriority) func(...[]expr.Any) {
		made := c.AddChain(&nftables.Chain{Name: name, Table: table, Type: kind, Hooknum: hook, Priority: &priority})
		return func(parts ...[]expr.Any) {
			c.AddRule(&nftables.Rule{Table: table, Chain: made, Exprs: slices.Concat(parts...)})
		}
	}
	ours, others := k.in(expr.CmpOpEq), k.in(expr.CmpOpNeq)

	domain := binary.BigEndian.AppendUint16(nil, domainPort)
	both := []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP}
	// away turns away what comes from an environment.
	away := func(to func(...[]expr.Any), when ...[]expr.Any) {
		for _, p := range both {
			to(append(slices.Clone(when), ours, ipv4(), of(p), bridge(first), destination(second), protocolOf(secondPart), port(thirdPart), count(s.turned))...)
		}
		for _, reject := range rejections() {
			to(append(slices.Clone(when), reject)...)
		}
	}

	to := chain("to-host", nftables.ChainTypeFilter, nftables.ChainHookInput, beforeFilter)
	to(others, accept())
	to(underWay(), accept())
	for _, p := range both {
		to(ipv4(), of(p), port(secondPart), bridge(first), destination(second), found(s.doors), accept())
		to(of(p), port(first), is(domain), accept()) // a name server of this host
	}
	for _, p := range k.open {
		to(tcp(), port(first), is(binary.BigEndian.AppendUint16(nil, p)), accept())
	}
	to(neighbours(), accept())
	away(to)

	through := chain("through-host", nftables.ChainTypeFilter, nftables.ChainHookForward, beforeFilter)
	through(underWay(), accept())
	through(bridge(first), outBridge(second), found(s.within), accept())
	away(through, k.out()) // into an environment, from wherever
	through(others, accept())
	for _, p := range both {
		through(ipv4(), of(p), port(secondPart), bridge(first), destination(second), found(s.ports), accept())
	}
	through(ipv4(), bridge(first), destination(second), found(s.places), accept())
	away(through, bridge(first), found(s.listed))
	for _, p := range both {
		through(of(p), port(first), is(domain), accept())
	}
	for _, p := range metadata {
		away(through, within(p))
	}

	before := chain("before", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, beforeNAT)
	redirect := []expr.Any{&expr.Redir{RegisterProtoMin: third, Flags: unix.NF_NAT_RANGE_PROTO_SPECIFIED}}
	before(ours, ipv4(), tcp(), port(secondPart), bridge(first), destination(second), translated(s.ways, third), redirect)
	for _, p := range both {
		before(ipv4(), of(p), port(first), is(domain), bridge(first), translated(s.names, third), redirect)
	}
}

func accept() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

// rejections tell whoever sent a packet at once: a connection that is begun on this
// host takes no other answer than a reset without trying again.
func rejections() [][]expr.Any {
	return [][]expr.Any{append(tcp(), &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}),
		{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}}}
}

// in is whether a packet comes in by a bridge of ours: the names begin alike.
func (k kernel) in(op expr.CmpOp) []expr.Any {
	return append(bridge(first), &expr.Cmp{Op: op, Register: first, Data: []byte(k.prefix)})
}

// out is whether it goes out by one.
func (k kernel) out() []expr.Any {
	return append(outBridge(first), &expr.Cmp{Op: expr.CmpOpEq, Register: first, Data: []byte(k.prefix)})
}

func bridge(register uint32) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: register}}
}

func outBridge(register uint32) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register}}
}

// underWay is whether it belongs to what was let through before.
func underWay() []expr.Any {
	mask := binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED)
	return []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: first},
		&expr.Bitwise{SourceRegister: first, DestRegister: first, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: first, Data: make([]byte, 4)}}
}

func is(data []byte) []expr.Any {
	return []expr.Any{&expr.Cmp{Op: expr.CmpOpEq, Register: first, Data: data}}
}

func family(which byte) []expr.Any {
	return append([]expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: first}}, is([]byte{which})...)
}

func ipv4() []expr.Any { return family(unix.NFPROTO_IPV4) }

func of(protocol byte) []expr.Any {
	return append([]expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: first}}, is([]byte{protocol})...)
}

func tcp() []expr.Any { return of(unix.IPPROTO_TCP) }

// port is the one that a packet is for, of TCP and UDP.
func port(register uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}}
}

// protocolOf is a packet's, by its number.
func protocolOf(register uint32) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}}
}

// count counts what the registers hold.
func count(set *nftables.Set) []expr.Any {
	return []expr.Any{&expr.Dynset{SrcRegKey: first, SetName: set.Name, SetID: set.ID, Operation: unix.NFT_DYNSET_OP_UPDATE, Timeout: turnedTime, Exprs: []expr.Any{&expr.Counter{}}}}
}

// destination is the address that a packet of IPv4 is for.
func destination(register uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4}}
}

// neighbours are the questions of IPv6 by which addresses of a link are found
// (RFC 4861).
func neighbours() []expr.Any {
	const routerSolicitation, redirect = 133, 137
	return append(of(unix.IPPROTO_ICMPV6), &expr.Payload{DestRegister: first, Base: expr.PayloadBaseTransportHeader, Len: 1},
		&expr.Range{Op: expr.CmpOpEq, Register: first, FromData: []byte{routerSolicitation}, ToData: []byte{redirect}})
}

// within is whether a packet is for an address of a prefix.
func within(p netip.Prefix) []expr.Any {
	size, offset, which := uint32(4), uint32(16), byte(unix.NFPROTO_IPV4)
	if p.Addr().Is6() {
		size, offset, which = 16, 24, unix.NFPROTO_IPV6
	}
	mask := make([]byte, size)
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return append(family(which), &expr.Payload{DestRegister: first, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Bitwise{SourceRegister: first, DestRegister: first, Len: size, Mask: mask, Xor: make([]byte, size)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: first, Data: p.Masked().Addr().AsSlice()})
}

// found is whether what the registers hold is in a set.
func found(set *nftables.Set) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: first, SetName: set.Name, SetID: set.ID}}
}

// translated is what a map has for it, in another register.
func translated(set *nftables.Set, register uint32) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: first, DestRegister: register, IsDestRegSet: true, SetName: set.Name, SetID: set.ID}}
}
