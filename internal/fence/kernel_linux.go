package fence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"offshoot/internal/staging"
)

// kernel is one table there.
type kernel struct {
	table string
	// prefix is what the names of fenced bridges begin with.
	prefix string
	open   []uint16
}

// sets are the table's: what the rules ask.
type sets struct {
	// doors are what is open: bridge, address, port.
	doors *nftables.Set
	// ways are what leads elsewhere: bridge, address, port to port.
	ways *nftables.Set
	// within are the pairs of a bridge with itself: engines let bridged packets
	// pass the rules too.
	within *nftables.Set
	// listed are the bridges from which only some places are reached, places and
	// ports those: bridge and address, and with a port.
	listed, places, ports *nftables.Set
	// names are where questions for names lead: bridge to port.
	names *nftables.Set
	// turned is what was turned away: bridge, address, protocol, port.
	turned *nftables.Set
}

// turnedTime is how long it is remembered what was turned away, after the last time;
// mostTurned is how much of it.
const (
	turnedTime = time.Hour
	mostTurned = 8192
)

// bufferBytes holds what the kernel answers to the largest batch: one answer to each
// message, each with what was asked.
const bufferBytes = 8 << 20

// mostElements are told in one message: its length has 16 bits.
const mostElements = 256

func dial() (*nftables.Conn, error) {
	return nftables.New(nftables.WithSockOptions(func(c *netlink.Conn) error {
		return errors.Join(c.SetReadBuffer(bufferBytes), c.SetWriteBuffer(bufferBytes))
	}))
}

func (k kernel) tableOf() *nftables.Table {
	return &nftables.Table{Name: k.table, Family: nftables.TableFamilyINet}
}

func (k kernel) sets(table *nftables.Table) sets {
	port := nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIPAddr, nftables.TypeInetService)
	return sets{
		doors:  &nftables.Set{Table: table, Name: "doors", ID: 1, KeyType: port, Concatenation: true},
		ways:   &nftables.Set{Table: table, Name: "ways", ID: 2, KeyType: port, Concatenation: true, IsMap: true, DataType: nftables.TypeInetService},
		within: &nftables.Set{Table: table, Name: "within", ID: 3, KeyType: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIFName), Concatenation: true},
		listed: &nftables.Set{Table: table, Name: "listed", ID: 4, KeyType: nftables.TypeIFName},
		places: &nftables.Set{Table: table, Name: "places", ID: 5, KeyType: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIPAddr), Concatenation: true, HasTimeout: true},
		ports:  &nftables.Set{Table: table, Name: "ports", ID: 6, KeyType: port, Concatenation: true, HasTimeout: true},
		names:  &nftables.Set{Table: table, Name: "names", ID: 7, KeyType: nftables.TypeIFName, IsMap: true, DataType: nftables.TypeInetService},
		turned: &nftables.Set{Table: table, Name: "turned", ID: 8, KeyType: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService),
			Concatenation: true, HasTimeout: true, Dynamic: true, Size: mostTurned},
	}
}

// there are the sets of a table that is there, which are found by their names alone.
func (s sets) there() sets {
	for _, set := range s.all() {
		set.ID = 0
	}
	return s
}

func (s sets) all() []*nftables.Set {
	return []*nftables.Set{s.doors, s.ways, s.within, s.listed, s.places, s.ports, s.names, s.turned}
}

// write makes the table as it is to be: what is there is replaced in the same
// transaction, so that at no moment there is none.
func (k kernel) write(networks []Network, admitted map[string]map[Place]time.Time) error {
	c, err := dial()
	if err != nil {
		return explained(err)
	}
	table := c.AddTable(k.tableOf())
	c.DelTable(table)
	c.AddTable(table)
	s := k.sets(table)
	for _, set := range s.all() {
		if err := c.AddSet(set, nil); err != nil {
			return err
		}
	}
	all := map[*nftables.Set][]nftables.SetElement{}
	gather := func(set *nftables.Set, elements []nftables.SetElement) error {
		all[set] = append(all[set], elements...)
		return nil
	}
	for _, n := range networks {
		_ = s.each(n, gather)
		for place, until := range admitted[n.Bridge] {
			if left := time.Until(until); left > 0 && !slices.Contains(n.Places, place) {
				_ = s.place(n.Bridge, []Place{place}, left, gather)
			}
		}
	}
	for _, set := range s.all() {
		for elements := range slices.Chunk(all[set], mostElements) {
			if err := c.SetAddElements(set, elements); err != nil {
				return err
			}
		}
	}
	k.rules(c, table, s)
	return explained(c.Flush())
}

// change takes what is of a network away and puts the other there, in one step; nil
// is none.
func (k kernel) change(before, n *Network) error {
	c, err := dial()
	if err != nil {
		return explained(err)
	}
	s := k.sets(k.tableOf()).there()
	if before != nil {
		err = s.each(*before, c.SetDeleteElements)
	}
	if n != nil {
		err = errors.Join(err, s.each(*n, c.SetAddElements))
	}
	if err != nil {
		return err
	}
	return explained(c.Flush())
}

// each does something with all elements of a network.
func (s sets) each(n Network, do func(*nftables.Set, []nftables.SetElement) error) error {
	var doors, ways []nftables.SetElement
	for _, port := range n.Doors {
		doors = append(doors, nftables.SetElement{Key: at(n.Bridge, n.Gateway, port)})
	}
	for _, port := range slices.Sorted(maps.Keys(n.Ways)) {
		ways = append(ways, nftables.SetElement{Key: at(n.Bridge, n.Gateway, port), Val: binary.BigEndian.AppendUint16(nil, n.Ways[port])})
	}
	var listed, names []nftables.SetElement
	if n.Listed {
		listed = append(listed, nftables.SetElement{Key: name(n.Bridge)})
	}
	if n.Listed && n.Names != 0 {
		names = append(names, nftables.SetElement{Key: name(n.Bridge), Val: binary.BigEndian.AppendUint16(nil, n.Names)})
		doors = append(doors, nftables.SetElement{Key: at(n.Bridge, n.Gateway, n.Names)})
	}
	within := []nftables.SetElement{{Key: append(name(n.Bridge), name(n.Bridge)...)}}
	var errs []error
	for _, x := range []struct {
		set      *nftables.Set
		elements []nftables.SetElement
	}{{s.doors, doors}, {s.ways, ways}, {s.within, within}, {s.listed, listed}, {s.names, names}} {
		if len(x.elements) > 0 {
			errs = append(errs, do(x.set, x.elements))
		}
	}
	return errors.Join(append(errs, s.place(n.Bridge, n.Places, 0, do))...)
}

// place does something with places of a network, for a time or, for 0, for ever.
func (s sets) place(bridge string, places []Place, d time.Duration, do func(*nftables.Set, []nftables.SetElement) error) error {
	for _, p := range places {
		set, key := s.ports, at(bridge, p.Address, p.Port)
		if p.Port == 0 {
			set, key = s.places, append(name(bridge), p.Address.AsSlice()...)
		}
		if err := do(set, []nftables.SetElement{{Key: key, Timeout: d}}); err != nil {
			return err
		}
	}
	return nil
}

// admit lets places be reached for a time; those that are there already are
// replaced.
func (k kernel) admit(bridge string, again, places []Place, d time.Duration) error {
	c, err := dial()
	if err != nil {
		return explained(err)
	}
	s := k.sets(k.tableOf()).there()
	if err := errors.Join(s.place(bridge, again, 0, c.SetDeleteElements), s.place(bridge, places, d, c.SetAddElements)); err != nil {
		return err
	}
	return explained(c.Flush())
}

// elements are those of a set, none where there is no table.
func (k kernel) elements(which func(sets) *nftables.Set) []nftables.SetElement {
	c, err := dial()
	if err != nil {
		return nil
	}
	all, err := c.GetSetElements(which(k.sets(k.tableOf()).there()))
	if err != nil {
		return nil
	}
	return all
}

// admitted is what an earlier server admitted, as its table still says.
func (k kernel) admitted() map[string]map[Place]time.Time {
	all := map[string]map[Place]time.Time{}
	for _, e := range append(k.elements(func(s sets) *nftables.Set { return s.places }), k.elements(func(s sets) *nftables.Set { return s.ports })...) {
		bridge, rest := named(e.Key)
		if e.Expires == 0 || len(rest) < 4 {
			continue
		}
		p := Place{Address: netip.AddrFrom4([4]byte(rest))}
		if len(rest) >= 6 {
			p.Port = binary.BigEndian.Uint16(rest[4:])
		}
		if all[bridge] == nil {
			all[bridge] = map[Place]time.Time{}
		}
		all[bridge][p] = time.Now().Add(e.Expires)
	}
	return all
}

// turned is what the kernel turned away, by its own key.
func (k kernel) turned() map[string]Turned {
	all := map[string]Turned{}
	for _, e := range k.elements(func(s sets) *nftables.Set { return s.turned }) {
		bridge, rest := named(e.Key)
		if len(rest) < 10 || e.Counter == nil {
			continue
		}
		t := Turned{Bridge: bridge, Protocol: protocol(rest[4]), Count: e.Counter.Packets, Last: time.Now().Add(e.Expires - turnedTime)}
		t.Address, t.Port = netip.AddrFrom4([4]byte(rest)), binary.BigEndian.Uint16(rest[8:])
		all[string(e.Key)] = t
	}
	return all
}

func protocol(number byte) string {
	switch number {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_ICMP:
		return "icmp"
	}
	return strconv.Itoa(int(number))
}

// named parts a key in the name of a bridge and what follows.
func named(key []byte) (bridge string, rest []byte) {
	if len(key) < nameLength+1 {
		return "", nil
	}
	return string(bytes.TrimRight(key[:nameLength+1], "\x00")), key[nameLength+1:]
}

// end takes the table away, whether or not it is there.
func (k kernel) end() error {
	c, err := dial()
	if err != nil {
		return explained(err)
	}
	c.DelTable(c.AddTable(k.tableOf()))
	return explained(c.Flush())
}

func (k kernel) there() (bool, error) {
	c, err := dial()
	if err != nil {
		return false, explained(err)
	}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	return slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == k.table }), explained(err)
}

// explained says what an error of the kernel means for whoever runs the server.
func explained(err error) error {
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return staging.Refused("run the server as root or with CAP_NET_ADMIN", "this server may not write rules of nftables: %w", err)
	case errors.Is(err, syscall.EAFNOSUPPORT), errors.Is(err, syscall.EPROTONOSUPPORT), errors.Is(err, syscall.EOPNOTSUPP):
		return staging.Refused("use a kernel with nf_tables", "this kernel has no nftables: %w", err)
	}
	return err
}

// name is an interface's as the kernel compares it.
func name(bridge string) []byte {
	text := make([]byte, nameLength+1)
	copy(text, bridge)
	return text
}

// padded fills a part of a key up to whole registers.
func padded(part []byte) []byte {
	return append(part, make([]byte, (4-len(part)%4)%4)...)
}

func at(bridge string, address netip.Addr, port uint16) []byte {
	key := append(name(bridge), address.AsSlice()...)
	return append(key, padded(binary.BigEndian.AppendUint16(nil, port))...)
}
