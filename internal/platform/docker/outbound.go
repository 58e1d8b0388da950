package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/fence"
	"offshoot/internal/fence/names"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// admitTime is how long the addresses of a listed name are let through after it was
// last asked for: programs keep what they were told for longer than they should.
const admitTime = 10 * time.Minute

// mostNamed is of how many addresses it is remembered by which name they were found.
const mostNamed = 4096

// confined is an environment whose connections outside are listed.
type confined struct {
	hosts []string
	// server answers its questions for names, at its gateway.
	server *names.Server
	at     netip.Addr
	named  map[netip.Addr]string
}

func (d *Driver) outboundFile(owner string) string {
	return filepath.Join(d.home(owner), "outbound.json")
}

// Confine implements platform.Confiner.
func (d *Driver) Confine(_ context.Context, owner string, to *platform.Outbound) error {
	if !ownerName.MatchString(owner) {
		return fmt.Errorf("%q is no owner", owner)
	}
	d.confining.Lock()
	defer d.confining.Unlock()
	hosts, listed := d.listed(owner)
	switch {
	case to == nil && !listed:
		return nil
	case to == nil:
		if err := removeFile(d.outboundFile(owner)); err != nil {
			return err
		}
		d.unconfine(owner)
		return d.enclose(owner)
	case d.unfenced != "":
		return staging.Errorf(staging.ClassCode(staging.ClassPolicy), "offshoot doctor says what is lacking; offshoot project set --outbound open leaves them open",
			"connections outside cannot be limited here: %s", d.unfenced)
	case listed && slices.Equal(hosts, to.Hosts):
		return nil
	}
	if err := writeFile(d.outboundFile(owner), *to); err != nil {
		return err
	}
	d.remember(owner, *to)
	return d.enclose(owner)
}

// confinedBefore are the environments that an earlier server confined.
func (d *Driver) confinedBefore(owners []string) error {
	var errs []error
	for _, owner := range owners {
		var to platform.Outbound
		switch err := readFile(d.outboundFile(owner), &to); {
		case err == nil:
			d.remember(owner, to)
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (d *Driver) remember(owner string, to platform.Outbound) {
	d.telling.Lock()
	defer d.telling.Unlock()
	c := d.confined[owner]
	if c == nil {
		c = &confined{named: map[netip.Addr]string{}}
		d.confined[owner] = c
	}
	c.hosts = slices.Clone(to.Hosts)
}

// listed are the hosts that an environment may reach, false for all.
func (d *Driver) listed(owner string) ([]string, bool) {
	d.telling.Lock()
	defer d.telling.Unlock()
	c := d.confined[owner]
	if c == nil {
		return nil, false
	}
	return c.hosts, true
}

// unconfine ends what answers an environment's questions.
func (d *Driver) unconfine(owner string) {
	d.enclosing.Lock() // else it begins meanwhile
	d.telling.Lock()
	c := d.confined[owner]
	delete(d.confined, owner)
	d.telling.Unlock()
	d.enclosing.Unlock()
	if c != nil && c.server != nil {
		c.server.Close()
	}
}

// answering is the port at which an environment's questions for names are answered.
func (d *Driver) answering(owner string, at netip.Addr) (uint16, error) {
	d.telling.Lock()
	c := d.confined[owner]
	d.telling.Unlock()
	if c.server != nil && c.at == at {
		return c.server.Port(), nil
	}
	if c.server != nil {
		c.server.Close()
	}
	bridge := d.bridge(netip.PrefixFrom(at, subnetBits))
	s, err := names.Listen(at, names.Config{Log: d.log, Find: d.find,
		Allowed: func(name string) bool { hosts, _ := d.listed(owner); return len(portsOf(hosts, name)) > 0 },
		Refused: func(name string) {
			d.turnedAway(owner, platform.Blocked{Host: name, Port: 53, Protocol: "dns", Count: 1, First: time.Now().UTC(), Last: time.Now().UTC()})
		},
		Found: func(name string, addresses []netip.Addr) error {
			hosts, _ := d.listed(owner)
			var places []fence.Place
			for _, a := range addresses {
				d.nameAddress(owner, a, name)
				for _, port := range portsOf(hosts, name) {
					places = append(places, fence.Place{Address: a, Port: port})
				}
			}
			return d.fence.Admit(bridge, places, admitTime)
		}})
	if err != nil {
		return 0, fmt.Errorf("answer questions for names at %s: %w", at, err)
	}
	c.server, c.at = s, at // only with enclosing held
	return s.Port(), nil
}

func (d *Driver) nameAddress(owner string, a netip.Addr, name string) {
	d.telling.Lock()
	defer d.telling.Unlock()
	if c := d.confined[owner]; c != nil {
		if len(c.named) >= mostNamed {
			clear(c.named)
		}
		c.named[a] = name
	}
}

// find is how names are found: as this host does.
func (d *Driver) find(ctx context.Context, name string) ([]netip.Addr, error) {
	if d.findName != nil {
		return d.findName(ctx, name)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip4", name+".")
}

// entry parts HOST or HOST:PORT, 0 for any port.
func entry(text string) (host string, port uint16) {
	if h, p, err := net.SplitHostPort(text); err == nil {
		if n, err := strconv.ParseUint(p, 10, 16); err == nil {
			return strings.ToLower(h), uint16(n)
		}
	}
	return strings.ToLower(text), 0
}

// portsOf are those at which a name may be reached, 0 for any; none where it is not
// listed.
func portsOf(hosts []string, name string) []uint16 {
	var ports []uint16
	for _, text := range hosts {
		host, port := entry(text)
		below, any := strings.CutPrefix(host, "*.")
		if host == name || any && strings.HasSuffix(name, "."+below) {
			ports = append(ports, port)
		}
	}
	return ports
}

// places are the addresses of a list.
func places(hosts []string) []fence.Place {
	var list []fence.Place
	for _, text := range hosts {
		host, port := entry(text)
		if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
			list = append(list, fence.Place{Address: a, Port: port})
		}
	}
	slices.SortFunc(list, func(a, b fence.Place) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Port, b.Port))
	})
	return slices.Compact(list)
}

// nameServer is whom an environment that is confined is to ask for names. All of its
// questions lead there, but some engines ask for a container from elsewhere.
func (d *Driver) nameServer(owner string) (netip.Addr, bool, error) {
	if _, listed := d.listed(owner); !listed {
		return netip.Addr{}, false, nil
	}
	s, err := d.scopeOf(owner)
	if err != nil {
		return netip.Addr{}, false, err
	}
	return gateway(s.Subnet), true, nil
}
