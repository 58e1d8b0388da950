package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Ports on which the server itself listens are below the kernel's usual
// ephemeral range, so that no outgoing connection takes one.
const firstPort, lastPort = 20000, 32000

// endpoint is an address that was allotted.
type endpoint struct {
	Address  netip.AddrPort `json:"address"`
	Instance string         `json:"instance,omitempty"`
	// Also are platform.Endpoint.Also.
	Also []int `json:"also,omitempty"`
}

func (d *Driver) applyEndpoint(r platform.Resource) error {
	if r.Endpoint == nil {
		return errors.New("nothing says what listens")
	}
	if err := d.allotEndpoint(r); err != nil {
		return err
	}
	// Many are allotted at once: they wait for the disk together.
	if err := settle(d.file(r.Name)); err != nil || r.Endpoint.Instance != "" {
		return err
	}
	return d.enclose(r.Owner)
}

func (d *Driver) deleteEndpoint(ref platform.Ref) error {
	var e endpoint
	err := readFile(d.file(ref.Name), &e)
	if err := removeFile(d.file(ref.Name)); err != nil {
		return err
	}
	if err != nil || e.Instance != "" {
		return nil //nolint:nilerr // nothing was open to it
	}
	return d.enclose(ref.Owner)
}

func (d *Driver) allotEndpoint(r platform.Resource) error {
	d.allotting.Lock()
	defer d.allotting.Unlock()
	file := d.file(r.Name)
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s, err := d.scopeOf(r.Owner)
	if err != nil {
		return fmt.Errorf("its scope: %w", err)
	}
	all, err := d.endpoints(r.Owner)
	if err != nil {
		return err
	}
	e := endpoint{Instance: r.Endpoint.Instance, Also: r.Endpoint.Also}
	if e.Instance == "" {
		e.Address, err = d.hostPort(gateway(s.Subnet), r.Endpoint.Port, all)
	} else {
		e.Address, err = instanceAddress(s.Subnet, *r.Endpoint, all)
	}
	if err != nil {
		return err
	}
	return writeSoon(file, e)
}

// endpoints are an owner's.
func (d *Driver) endpoints(owner string) ([]endpoint, error) {
	dir := filepath.Join(d.home(owner), string(staging.ResourceEndpoint))
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []endpoint
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), partial) {
			continue
		}
		var e endpoint
		if err := readFile(filepath.Join(dir, entry.Name()), &e); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// instanceAddress is that which an instance has already, or the first that none
// has.
func instanceAddress(subnet netip.Prefix, want platform.Endpoint, all []endpoint) (netip.AddrPort, error) {
	taken := map[netip.Addr]bool{}
	for _, e := range all {
		if e.Instance == want.Instance {
			return netip.AddrPortFrom(e.Address.Addr(), uint16(want.Port)), nil
		}
		taken[e.Address.Addr()] = true
	}
	for n := uint32(firstInstance); n < firstDynamic; n++ {
		if a := at(subnet, n); !taken[a] {
			return netip.AddrPortFrom(a, uint16(want.Port)), nil
		}
	}
	return netip.AddrPort{}, staging.Errorf(staging.CodeLimit, "let it have fewer services or instances", "an environment's network has addresses for %d of them", firstDynamic-firstInstance)
}

// hostPort is the port that is wanted, or any, on the address of the host in a
// network.
func (d *Driver) hostPort(host netip.Addr, port int, all []endpoint) (netip.AddrPort, error) {
	taken := map[netip.AddrPort]bool{}
	for _, e := range all {
		taken[e.Address] = true
	}
	first, last := port, port
	if port == 0 {
		first, last = firstPort, lastPort
	}
	for p := first; p <= last; p++ {
		at := netip.AddrPortFrom(host, uint16(p))
		if !taken[at] && d.free(at) {
			return at, nil
		}
	}
	return netip.AddrPort{}, staging.Errorf(staging.CodeLimit, "see what listens there", "no port of %s from %d to %d is free", host, first, last)
}

// free is whether nobody listens there now. What cannot be tried counts as free.
func (d *Driver) free(at netip.AddrPort) bool {
	l, err := net.Listen("tcp4", at.String())
	if err != nil {
		return !errors.Is(err, syscall.EADDRINUSE)
	}
	return l.Close() == nil
}

// addressOf is where an instance is, false where it has no endpoint.
func (d *Driver) addressOf(owner, instance string) (netip.Addr, bool, error) {
	if instance == "" {
		return netip.Addr{}, false, nil
	}
	all, err := d.endpoints(owner)
	for _, e := range all {
		if e.Instance == instance {
			return e.Address.Addr(), true, err
		}
	}
	return netip.Addr{}, false, err
}

func (d *Driver) observeEndpoint(ref platform.Ref) (staging.Observation, error) {
	var e endpoint
	if err := readFile(d.file(ref.Name), &e); err != nil {
		return staging.Observation{}, err
	}
	return staging.Observation{Presence: staging.Present, Address: net.JoinHostPort(e.Address.Addr().String(), strconv.Itoa(int(e.Address.Port())))}, nil
}
