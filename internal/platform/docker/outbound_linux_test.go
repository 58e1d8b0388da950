package docker_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"offshoot/internal/componenttest"
	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/staging"
)

// outside is a host behind this one with two addresses, at which something listens.
type outside struct {
	first, second netip.Addr
	port          string
}

func newOutside(t *testing.T) outside {
	t.Helper()
	if os.Getuid() != 0 {
		componenttest.Missing(t, "root", "it makes network namespaces")
	}
	id := os.Getpid() % 8192
	network := [4]byte{198, 18, byte(id >> 5), byte(id << 3)} // for tests (RFC 2544)
	at := func(n byte) netip.Addr { a := network; a[3] += n; return netip.AddrFrom4(a) }
	o := outside{first: at(2), second: at(3), port: "8000"}
	name := "osout" + strconv.Itoa(id)
	run := func(words ...string) {
		t.Helper()
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", words, err, out)
		}
	}
	holder := exec.Command("python3", "-c", "import socket\ns = socket.create_server(('0.0.0.0', "+o.port+"))\nwhile True: s.accept()[0].close()")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := holder.Start(); err != nil {
		componenttest.Missing(t, "python3", err.Error())
	}
	t.Cleanup(func() { _ = holder.Process.Kill(); _ = holder.Wait() })
	pid := strconv.Itoa(holder.Process.Pid)
	run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", pid)
	t.Cleanup(func() { _ = exec.Command("ip", "link", "delete", name).Run() })
	run("ip", "address", "add", at(1).String()+"/29", "dev", name)
	run("ip", "link", "set", name, "up")
	for _, words := range []string{"address add " + o.first.String() + "/29 dev eth0", "address add " + o.second.String() + "/29 dev eth0", "link set eth0 up", "route add default via " + at(1).String()} {
		run(append([]string{"nsenter", "-t", pid, "-n", "ip"}, strings.Fields(words)...)...)
	}
	return o
}

// dialled is what becomes of connections from a container.
func (w *world) dialled(name string, addresses ...string) string {
	w.Helper()
	script := ""
	for _, address := range addresses {
		host, port, _ := net.SplitHostPort(address)
		script += fmt.Sprintf("timeout 5 bash -c 'exec 3<>/dev/tcp/%s/%s' 2>/dev/null && echo yes %s || echo no %s\n", host, port, address, address)
	}
	return w.says(name, staging.WorkloadSpec{Command: staging.Command{Shell: script}})
}

func TestConnectionsOutsideLeadWhereTheyAreListed(t *testing.T) {
	o := newOutside(t)
	found := map[string]netip.Addr{"pay.example.com": o.first, "sub.mail.example.com": o.second}
	w := newWorld(t, docker.Config{Find: func(_ context.Context, name string) ([]netip.Addr, error) {
		if a, ok := found[name]; ok {
			return []netip.Addr{a}, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}})
	if why := unfenced(w); why != "" {
		componenttest.Missing(t, "nftables", why)
	}
	first, second := net.JoinHostPort(o.first.String(), o.port), net.JoinHostPort(o.second.String(), o.port)
	confine := func(to *platform.Outbound) {
		t.Helper()
		if err := w.Confine(w.ctx, w.owner, to); err != nil {
			t.Fatal(err)
		}
	}
	confine(nil)
	confine(&platform.Outbound{Hosts: []string{"*.mail.example.com:" + o.port, "pay.example.com:" + o.port}})
	w.apply(w.scope())
	said := func(name string, want ...string) {
		t.Helper()
		var addresses []string
		for _, x := range want {
			addresses = append(addresses, strings.Fields(x)[1])
		}
		if got := w.dialled(name, addresses...); got != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	said("names", "no "+first, "yes pay.example.com:"+o.port, "no pay.example.com:25", "no mail.example.com:"+o.port, "yes sub.mail.example.com:"+o.port, "no smtp.example.org:25", "yes "+first)
	blocked := func(host, protocol string, port int, count int64) {
		t.Helper()
		list, err := w.Blocked(w.ctx, w.owner)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(b platform.Blocked) bool { return b.Host == host && b.Protocol == protocol && b.Port == port })
		if i < 0 || list[i].Count < count || list[i].Last.IsZero() || list[i].Last.Before(list[i].First) {
			t.Errorf("%s %s %d is not among %+v", host, protocol, port, list)
		}
	}
	blocked("smtp.example.org", "dns", 53, 1)
	blocked("pay.example.com", "tcp", 25, 1)

	// A new server holds it to the same, and knows what was blocked.
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Driver = open(t, w.config)
	blocked("smtp.example.org", "dns", 53, 1)
	said("again", "yes pay.example.com:"+o.port, "no smtp.example.org:25")

	// Another list, and none, hold for what runs.
	confine(&platform.Outbound{Hosts: []string{o.second.String()}})
	said("addresses", "no "+first, "yes "+second, "no pay.example.com:"+o.port)
	blocked("pay.example.com", "tcp", 8000, 1) // it is known by that
	confine(nil)
	said("open", "yes "+first, "yes "+second)
	confine(&platform.Outbound{})
	said("closed", "no "+first, "no "+second)
}

// unfenced is why there is no fence here.
func unfenced(w *world) string {
	for _, lack := range w.Traits().Lacks {
		if strings.Contains(lack, "not fenced") {
			return lack
		}
	}
	return ""
}

var _ platform.Confiner = (*docker.Driver)(nil)
