// Package fence keeps what runs in the networks of environments from what is not
// theirs: from the host but for the ports that are open to them, from each other,
// and from the addresses at which clouds tell a machine its secrets; some also from
// all that is outside but what is listed. What is turned away is told at once, and
// counted.
//
// It works outside of what it fences, by a table of nftables of its own: nobody
// else's rules are read or changed, and none of theirs can let through what this
// table turns away, since each of the kernel's tables has to let a packet pass. So
// it makes no difference whether an engine writes its own rules anew. The table
// stays when the server ends, and goes with the last network.
//
// Who comes in by a bridge is who is in its network, whatever address a packet
// says that it is from: bridges have names by which the rules know them, also
// before the first thing is known of a network.
//
// It decides nothing: which networks there are, and what is open to them, is told
// to it.
package fence

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Network is one that is fenced.
type Network struct {
	// Bridge is its name on the host, as Bridge makes it.
	Bridge string
	// Gateway is the host's address in it.
	Gateway netip.Addr
	// Doors are the TCP ports of Gateway that are open to it.
	Doors []uint16
	// Ways are TCP ports of Gateway that lead to another of its ports, which is
	// open then: whoever else listens there is not reached.
	Ways map[uint16]uint16
	// Listed is whether it reaches nothing outside but Places, and what is admitted.
	Listed bool
	Places []Place
	// Names is the port of Gateway that answers its questions for names, whomever
	// it asks, where it is Listed; 0 for none.
	Names uint16
}

// Place is where a connection may lead.
type Place struct {
	Address netip.Addr
	// Port is of TCP and UDP, 0 for any.
	Port uint16
}

func (n Network) clone() Network {
	n.Doors, n.Ways, n.Places = slices.Clone(n.Doors), maps.Clone(n.Ways), slices.Clone(n.Places)
	return n
}

// Turned is what was turned away.
type Turned struct {
	Bridge string
	// Protocol is tcp, udp, or the number of another.
	Protocol string
	Place
	// Count is how often since it was last asked, Last when last.
	Count uint64
	Last  time.Time
}

// Fence is that of one server. All methods are safe for concurrent use.
type Fence struct {
	kernel kernel

	mu       sync.Mutex
	networks map[string]Network
	// admitted is until when places are, by bridge.
	admitted map[string]map[Place]time.Time
	// counted is what was last read of the kernel's counters, kept what was read
	// and nobody asked for yet.
	counted map[string]uint64
	kept    []Turned
}

// nameLength is how long the name of an interface may be (IFNAMSIZ).
const nameLength = 15

// New is the fence of a server whose id has eight characters. Open are TCP ports
// that are open at each address of the host, such as that of a proxy before the edge.
// Nothing is changed before the first network.
func New(id string, open ...uint16) *Fence {
	return &Fence{kernel: kernel{table: "offshoot-" + id, prefix: "os" + id + "-", open: open}, networks: map[string]Network{},
		admitted: map[string]map[Place]time.Time{}, counted: map[string]uint64{}}
}

// Bridge is the name that the bridge of the nth network must have.
func (f *Fence) Bridge(n int) string {
	return fmt.Sprintf("%s%04x", f.kernel.prefix, n)[:nameLength]
}

// Try is whether a fence could be made here; it leaves nothing.
func Try() error { return New("00000000").Load(nil) }

// Load makes the fence anew for these networks, and no other. With none it only
// tries whether it could.
func (f *Fence) Load(networks []Network) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.networks = map[string]Network{}
	for _, n := range networks {
		f.networks[n.Bridge] = n.clone()
	}
	f.admitted = f.kernel.admitted()
	err := f.write()
	f.kept = nil // an earlier server was told, or nobody is
	return err
}

// Put fences a network, or changes what is open to it.
func (f *Fence) Put(n Network) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, known := f.networks[n.Bridge]
	if known && reflect.DeepEqual(was, n.clone()) {
		return nil
	}
	alone := len(f.networks) == 0
	f.networks[n.Bridge] = n.clone()
	if known && (!slices.Equal(was.Places, n.Places) || was.Listed != n.Listed) {
		delete(f.admitted, n.Bridge) // by other rules
		return f.write()
	}
	before := &was
	if !known {
		before = nil
	}
	if !alone && f.kernel.change(before, &n) == nil {
		return nil
	}
	return f.write()
}

// Admit lets a network that is Listed reach further places for a time.
func (f *Fence) Admit(bridge string, places []Place, d time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.networks[bridge].Listed {
		return nil
	}
	until := f.admitted[bridge]
	if until == nil {
		until = map[Place]time.Time{}
		f.admitted[bridge] = until
	}
	now := time.Now()
	var fresh, again []Place
	for _, p := range places {
		switch left := until[p].Sub(now); {
		case left > d/2:
			continue
		case left > 0:
			again = append(again, p)
		}
		fresh = append(fresh, p)
		until[p] = now.Add(d)
	}
	if len(fresh) == 0 || f.kernel.admit(bridge, again, fresh, d) == nil {
		return nil
	}
	return f.write()
}

// Turned is what was turned away since it was last asked. What nothing asks for
// within an hour is not known any more.
func (f *Fence) Turned() ([]Turned, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.networks) > 0 {
		f.count()
	}
	kept := f.kept
	f.kept = nil
	return kept, nil
}

// count reads the kernel's counters.
func (f *Fence) count() {
	now := map[string]uint64{}
	for key, t := range f.kernel.turned() {
		now[key] = t.Count
		if before := f.counted[key]; t.Count >= before {
			t.Count -= before
		}
		if t.Count > 0 {
			f.kept = append(f.kept, t)
		}
	}
	f.counted = now
}

// Remove forgets a network that is gone.
func (f *Fence) Remove(bridge string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, known := f.networks[bridge]
	if !known {
		return nil
	}
	delete(f.networks, bridge)
	admitted := len(f.admitted[bridge]) > 0
	delete(f.admitted, bridge)
	if len(f.networks) > 0 && !admitted && f.kernel.change(&before, nil) == nil {
		return nil
	}
	return f.write()
}

// Stands is whether the fence is there.
func (f *Fence) Stands() (bool, error) { return f.kernel.there() }

// Mend makes the fence anew where somebody took it away.
func (f *Fence) Mend() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.networks) == 0 {
		return nil
	}
	if there, err := f.kernel.there(); err != nil || there {
		return err
	}
	return f.write()
}

// write makes the whole table, in one step, or takes it away.
func (f *Fence) write() error {
	if len(f.networks) == 0 {
		return f.kernel.end()
	}
	f.count()
	clear(f.counted) // they begin anew
	return f.kernel.write(slices.SortedFunc(maps.Values(f.networks), func(a, b Network) int { return a.Gateway.Compare(b.Gateway) }), f.admitted)
}
