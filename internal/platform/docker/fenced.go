package docker

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"net/netip"
	"time"

	"offshoot/internal/fence"
)

// mendEvery is how often it is looked whether the fence still stands: who loads
// rules for a whole host takes it away.
const mendEvery = 30 * time.Second

// bridgeOption is how the engine names what a network is on the host.
const bridgeOption = "com.docker.network.bridge.name"

// bridge is the name of a network's bridge, by which it is fenced.
func (d *Driver) bridge(subnet netip.Prefix) string {
	a := subnet.Masked().Addr().As4()
	return d.fence.Bridge(int(binary.BigEndian.Uint32(a[:]) >> (32 - subnetBits) & 0xffff))
}

// raise makes the fence of all environments that an earlier server made; why says
// why there is none.
func (d *Driver) raise() (why string) {
	owners, err := d.owners()
	err = errors.Join(err, d.confinedBefore(owners))
	var all []fence.Network
	for _, owner := range owners {
		n, ok, faulty := d.enclosed(owner)
		if ok {
			all = append(all, n)
		}
		err = errors.Join(err, faulty)
	}
	if err := errors.Join(err, d.fence.Load(all)); err != nil {
		return err.Error()
	}
	return ""
}

// enclosed is what the fence must know of an owner, false where it has no network. It
// is called with enclosing held, or before others are there.
func (d *Driver) enclosed(owner string) (fence.Network, bool, error) {
	s, err := d.scopeOf(owner)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !s.Subnet.IsValid() {
		return fence.Network{}, false, nil
	}
	all, faulty := d.endpoints(owner)
	if err := errors.Join(err, faulty); err != nil {
		return fence.Network{}, false, err
	}
	n := fence.Network{Bridge: d.bridge(s.Subnet), Gateway: gateway(s.Subnet), Ways: map[uint16]uint16{}}
	for _, e := range all {
		if e.Instance != "" {
			continue
		}
		n.Doors = append(n.Doors, e.Address.Port())
		for _, port := range e.Also {
			n.Ways[uint16(port)] = e.Address.Port()
		}
	}
	d.telling.Lock()
	d.bridges[n.Bridge] = owner
	d.telling.Unlock()
	hosts, listed := d.listed(owner)
	if !listed {
		return n, true, nil
	}
	n.Listed, n.Places = true, places(hosts)
	n.Names, err = d.answering(owner, n.Gateway)
	return n, true, err
}

// enclose lets an owner's network reach what this server listens on for it, and
// nothing else of this host.
func (d *Driver) enclose(owner string) error {
	if d.unfenced != "" {
		return nil // said when the server started
	}
	d.enclosing.Lock() // what is read is what is written, not something older
	defer d.enclosing.Unlock()
	n, ok, err := d.enclosed(owner)
	if err != nil || !ok {
		return err
	}
	return d.fence.Put(n)
}

// release takes the fence of an owner's network away, which is gone.
func (d *Driver) release(s scope) error {
	if d.unfenced != "" || !s.Subnet.IsValid() {
		return nil
	}
	d.enclosing.Lock()
	defer d.enclosing.Unlock()
	bridge := d.bridge(s.Subnet)
	d.telling.Lock()
	owner := d.bridges[bridge]
	delete(d.bridges, bridge)
	delete(d.blocked, owner)
	d.telling.Unlock()
	return d.fence.Remove(bridge)
}

// mend keeps the fence up until ctx ends.
func (d *Driver) mend(ctx context.Context) {
	if d.unfenced != "" {
		return
	}
	again := time.NewTicker(mendEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			if err := d.fence.Mend(); err != nil {
				d.log.Warn("networks are not fenced", "error", err)
			}
			if err := d.collect(); err != nil {
				d.log.Warn("what was blocked is not written down", "error", err)
			}
		}
	}
}
