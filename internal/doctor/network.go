package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

func (h Host) ports(context.Context) []Check {
	var all []Check
	for _, p := range []struct{ name, flag, address string }{{"API's port", "--listen", h.Listen}, {"edge's port", "--edge-listen", h.EdgeListen}} {
		l, err := net.Listen("tcp", p.address)
		switch {
		case err == nil:
			_ = l.Close()
			all = append(all, ok(p.name, p.address+" is free")...)
		case h.Running:
			all = append(all, ok(p.name, p.address+": a server of Offshoot runs")...)
		default:
			all = append(all, warn(p.name, p.address+": "+err.Error(), "end what uses it, or give the server another: "+p.flag+" 127.0.0.1:PORT")...)
		}
	}
	return all
}

// names is whether programs of this host find environments by their names.
// Browsers do below localhost, whatever the system says.
func (h Host) names(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	// A name of two labels, as environments have them.
	addresses, err := lookup(ctx, "offshoot-doctor.shop."+h.Domain)
	if err == nil && len(addresses) > 0 {
		return led(h.Domain, addresses, ownAddresses())
	}
	if h.Domain != "localhost" {
		return fail("names", "*."+h.Domain+" leads nowhere", "add a wildcard record for *."+h.Domain+" with this host's address")
	}
	return warn("names", "*.localhost does not resolve for programs such as curl; browsers find it anyway",
		"install nss-myhostname (Debian: libnss-myhostname), or ask with the name given: curl -H 'Host: NAME.shop.localhost' http://"+h.EdgeListen)
}

// led judges where the names below a domain lead.
func led(domain string, addresses, own []string) []Check {
	where := "*." + domain + " leads to " + strings.Join(addresses, ", ")
	for _, a := range addresses {
		ip := net.ParseIP(a)
		if ip != nil && ip.IsLoopback() || slices.Contains(own, a) {
			return ok("names", where)
		}
	}
	return warn("names", where+", which is no address of this host", "right where a balancer or router leads here; else point the wildcard record at this host")
}

// ownAddresses are this host's; what cannot be listed is left out.
func ownAddresses() []string {
	var list []string
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			list = append(list, n.IP.String())
		}
	}
	return list
}

// lookup asks as the system's own programs do, where it can.
func lookup(ctx context.Context, host string) ([]string, error) {
	if path, err := exec.LookPath("getent"); err == nil {
		out, err := exec.CommandContext(ctx, path, "hosts", host).Output()
		if fields := strings.Fields(string(out)); err == nil && len(fields) > 0 {
			return fields[:1], nil
		}
		return nil, err
	}
	return net.DefaultResolver.LookupHost(ctx, host)
}

// resolver is whether builds and services can look up names: they see the
// host's file, or where that leads into /run, as it was when they started.
func (h Host) resolver(context.Context) []Check {
	const file = "/etc/resolv.conf"
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return warn("resolver", err.Error(), "builds that download need "+file)
	}
	text, err := os.ReadFile(target)
	if err != nil || !strings.Contains(string(text), "nameserver") {
		return warn("resolver", target+" names no name server", "builds that download need one: write nameserver ADDRESS into "+target)
	}
	if strings.Contains(string(text), "127.0.0.53") {
		return ok("resolver", "systemd-resolved at 127.0.0.53; the process platform reaches it, Docker's networks do not")
	}
	return ok("resolver", target+" is seen by builds and services")
}

// fence is whether what runs in containers can be kept from this host.
func (h Host) fence(context.Context) []Check {
	if h.Fence == nil {
		return nil
	}
	if err := h.Fence(); err != nil {
		remedy := "start the server as root, on a kernel with nf_tables"
		var known *staging.Error
		if errors.As(err, &known) && known.Hint != "" {
			remedy = known.Hint
		}
		return warn("fence", "on Docker environments are not fenced, they reach what listens on this host and addresses at which clouds tell a machine its keys: "+err.Error(), remedy)
	}
	return ok("fence", "on Docker environments are fenced by nftables: they reach neither this host nor each other")
}
