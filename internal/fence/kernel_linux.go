package fence

import (
	"encoding/binary"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"syscall"

	"github.com/google/nftables"

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
	}
}

func (s sets) all() []*nftables.Set { return []*nftables.Set{s.doors, s.ways, s.within} }

// write makes the table as it is to be: what is there is replaced in the same
// transaction, so that at no moment there is none.
func (k kernel) write(networks []Network) error {
	c, err := nftables.New()
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
	for _, n := range networks {
		if err := s.each(n, c.SetAddElements); err != nil {
			return err
		}
	}
	k.rules(c, table, s)
	return explained(c.Flush())
}

// change takes what was open to a network away and opens the other, in one step.
func (k kernel) change(before, n Network) error {
	c, err := nftables.New()
	if err != nil {
		return explained(err)
	}
	s := k.sets(k.tableOf())
	for _, set := range s.all() {
		set.ID = 0 // they are there
	}
	if err := errors.Join(s.each(before, c.SetDeleteElements), s.each(n, c.SetAddElements)); err != nil {
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
	within := []nftables.SetElement{{Key: append(name(n.Bridge), name(n.Bridge)...)}}
	var errs []error
	for _, x := range []struct {
		set      *nftables.Set
		elements []nftables.SetElement
	}{{s.doors, doors}, {s.ways, ways}, {s.within, within}} {
		if len(x.elements) > 0 {
			errs = append(errs, do(x.set, x.elements))
		}
	}
	return errors.Join(errs...)
}

// end takes the table away, whether or not it is there.
func (k kernel) end() error {
	c, err := nftables.New()
	if err != nil {
		return explained(err)
	}
	c.DelTable(c.AddTable(k.tableOf()))
	return explained(c.Flush())
}

func (k kernel) there() (bool, error) {
	c, err := nftables.New()
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
