package fence

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"offshoot/internal/componenttest"

	"golang.org/x/sys/unix"
)

// world is a host of its own, in a network namespace, with guests on bridges. The
// test's thread is in it, and is given up at the end.
type world struct{ *testing.T }

func newWorld(t *testing.T) world {
	t.Helper()
	if os.Getuid() != 0 {
		componenttest.Missing(t, "root", "it makes network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		componenttest.Missing(t, "ip", err.Error())
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	w := world{t}
	w.ip("link set lo up")
	w.ip("link add wan type bridge")
	w.ip("address add 192.0.2.9/24 dev wan")
	w.ip("address add 169.254.169.254/32 dev wan")
	w.ip("link set wan up")
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w world) ip(command string) {
	w.Helper()
	out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput()
	if err != nil {
		w.Fatalf("ip %s: %v: %s", command, err, out)
	}
}

// guest is a process in a namespace of its own at a bridge; its standard input
// takes commands of bash, one at a time.
type guest struct {
	w  world
	id int
}

// guest gives a namespace the second address of a bridge's network.
func (w world) guest(bridge string, id int) guest {
	w.Helper()
	holder := exec.Command("sleep", "600")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := holder.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = holder.Process.Kill(); _ = holder.Wait() })
	w.ip(fmt.Sprintf("link add %s type bridge", bridge))
	w.ip(fmt.Sprintf("address add 10.9.%d.1/24 dev %s", id, bridge))
	w.ip(fmt.Sprintf("link set %s up", bridge))
	w.ip(fmt.Sprintf("link add outer%d type veth peer name inner%d netns %d", id, id, holder.Process.Pid))
	w.ip(fmt.Sprintf("link set outer%d master %s up", id, bridge))
	g := guest{w, holder.Process.Pid}
	g.run("ip link set lo up")
	g.run(fmt.Sprintf("ip address add 10.9.%d.2/24 dev inner%d", id, id))
	g.run(fmt.Sprintf("ip link set inner%d up", id))
	g.run(fmt.Sprintf("ip route add default via 10.9.%d.1", id))
	return g
}

func (g guest) run(command string) string {
	g.w.Helper()
	out, err := exec.Command("nsenter", append([]string{"-t", fmt.Sprint(g.id), "-n"}, strings.Fields(command)...)...).CombinedOutput()
	if err != nil {
		g.w.Fatalf("%s: %v: %s", command, err, out)
	}
	return string(out)
}

// dial is what becomes of a connection from a guest.
func (g guest) dial(address string) string {
	host, port, _ := net.SplitHostPort(address)
	out, _ := exec.Command("nsenter", "-t", fmt.Sprint(g.id), "-n", "timeout", "3", "bash", "-c", "exec 3<>/dev/tcp/"+host+"/"+port+"; read -r -t 2 -u 3 line; echo \"$line\"").CombinedOutput()
	return string(bytes.TrimSpace(out))
}

// listen says text to who comes.
func (w world) listen(address, text string) string {
	w.Helper()
	l, err := net.Listen("tcp4", address)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintln(c, text)
			_ = c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func (g guest) reaches(address, text string) {
	g.w.Helper()
	if said := g.dial(address); said != text {
		g.w.Errorf("%s says %q, not %q", address, said, text)
	}
}

// refused is that a connection is turned away at once.
func (g guest) refused(address string) {
	g.w.Helper()
	began := time.Now()
	said := g.dial(address)
	if !strings.Contains(said, "Connection refused") || time.Since(began) > time.Second {
		g.w.Errorf("%s after %v: %q", address, time.Since(began), said)
	}
}

func port16(text string) (n uint16) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

func TestWhatIsFencedReachesWhatIsOpenToItAlone(t *testing.T) {
	w := newWorld(t)
	f := New("0123abcd", 443)
	if err := f.Load(nil); err != nil {
		t.Fatal(err)
	}
	a, b := w.guest(f.Bridge(1), 1), w.guest(f.Bridge(2), 2)
	everywhere, door := w.listen("0.0.0.0:0", "host"), w.listen("10.9.1.1:0", "door")
	w.listen("192.0.2.9:443", "proxy")
	w.listen("169.254.169.254:80", "metadata")
	a.reaches("10.9.1.1:"+everywhere, "host") // nothing is fenced yet
	network := func(n int, doors ...uint16) Network {
		return Network{Bridge: f.Bridge(n), Gateway: netip.AddrFrom4([4]byte{10, 9, byte(n), 1}), Doors: doors}
	}
	one := network(1, port16(door))
	if err := f.Put(one); err != nil {
		t.Fatal(err)
	}
	a.reaches("10.9.1.1:"+door, "door")
	a.reaches("192.0.2.9:443", "proxy")
	for _, address := range []string{"10.9.1.1:" + everywhere, "192.0.2.9:" + everywhere, "10.9.2.1:" + everywhere, "10.9.2.2:80", "169.254.169.254:80"} {
		a.refused(address)
	}
	b.refused("10.9.1.1:" + door)        // it is fenced by its name alone
	b.refused("192.0.2.9:" + everywhere) // so is this
	if err := f.Put(network(2)); err != nil {
		t.Fatal(err)
	}
	b.refused("10.9.1.1:" + door)

	// Another door, the first is closed; a port leads to it although somebody has it.
	other := w.listen("10.9.1.1:0", "other")
	one.Doors, one.Ways = []uint16{port16(other)}, map[uint16]uint16{port16(everywhere): port16(other)}
	if err := f.Put(one); err != nil {
		t.Fatal(err)
	}
	a.reaches("10.9.1.1:"+other, "other")
	a.reaches("10.9.1.1:"+everywhere, "other")
	a.refused("10.9.1.1:" + door)
	a.refused("192.0.2.9:" + everywhere)

	// Somebody takes all rules away.
	if err := f.kernel.end(); err != nil {
		t.Fatal(err)
	}
	a.reaches("192.0.2.9:"+everywhere, "host")
	if err := f.Mend(); err != nil {
		t.Fatal(err)
	}
	a.refused("192.0.2.9:" + everywhere)
	a.reaches("10.9.1.1:"+other, "other")

	// A change writes what is no longer there anew.
	if err := f.kernel.end(); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(network(1, port16(door))); err != nil {
		t.Fatal(err)
	}
	a.reaches("10.9.1.1:"+door, "door")
	a.refused("192.0.2.9:" + everywhere)

	for n := range 2 {
		if there, err := f.Stands(); err != nil || !there {
			t.Fatalf("before the %dth is removed: %v, %v", n, there, err)
		}
		if err := f.Remove(f.Bridge(n + 1)); err != nil {
			t.Fatal(err)
		}
	}
	if there, err := f.Stands(); err != nil || there {
		t.Errorf("with no network: %v, %v", there, err)
	}
	a.reaches("192.0.2.9:"+everywhere, "host")
}

// within runs do in a guest's namespace.
func (g guest) within(do func()) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", g.id))
		if err == nil {
			defer func() { _ = ns.Close() }()
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		g.w.Fatal(err)
	}
}

func TestWhatIsListedReachesNothingElseOutside(t *testing.T) {
	w := newWorld(t)
	f := New("0123abcd")
	a, b, outside := w.guest(f.Bridge(1), 1), w.guest(f.Bridge(2), 2), w.guest("outside", 9)
	outside.run("ip address add 10.9.9.3/24 dev inner9")
	var one, other string
	outside.within(func() { one, other = w.listen("0.0.0.0:0", "one"), w.listen("0.0.0.0:0", "other") })
	first, second := netip.MustParseAddr("10.9.9.2"), netip.MustParseAddr("10.9.9.3")
	open := Network{Bridge: f.Bridge(2), Gateway: netip.MustParseAddr("10.9.2.1")}
	n := Network{Bridge: f.Bridge(1), Gateway: netip.MustParseAddr("10.9.1.1"), Listed: true, Places: []Place{{Address: first, Port: port16(one)}}}
	if err := f.Load([]Network{n, open}); err != nil {
		t.Fatal(err)
	}
	b.reaches("10.9.9.2:"+other, "other")
	a.reaches("10.9.9.2:"+one, "one")
	a.refused("10.9.9.2:" + other)
	a.refused("10.9.9.3:" + one)
	a.refused("10.9.9.3:" + one)
	got, err := f.Turned()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, x := range got {
		if x.Bridge != n.Bridge || time.Since(x.Last) > time.Minute || time.Since(x.Last) < -time.Second {
			t.Errorf("%+v", x)
		}
		counts[fmt.Sprintf("%s %s:%d", x.Protocol, x.Address, x.Port)] = x.Count
	}
	if counts["tcp 10.9.9.2:"+other] != 1 || counts["tcp 10.9.9.3:"+one] != 2 || len(counts) != 2 {
		t.Errorf("turned away: %v", counts)
	}

	// For a time, also over a new server and other doors; and again.
	if err := f.Admit(n.Bridge, []Place{{Address: second}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	a.reaches("10.9.9.3:"+one, "one")
	f = New("0123abcd")
	if err := f.Load([]Network{n, open}); err != nil {
		t.Fatal(err)
	}
	a.reaches("10.9.9.3:"+one, "one")
	n.Doors = []uint16{7}
	if err := f.Put(n); err != nil {
		t.Fatal(err)
	}
	if err := f.Admit(n.Bridge, []Place{{Address: second}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	a.reaches("10.9.9.3:"+other, "other")
	a.refused("10.9.9.2:" + other)
	if got, err := f.Turned(); err != nil || len(got) != 1 || got[0].Count != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := f.Admit(n.Bridge, []Place{{Address: second, Port: 1}}, time.Nanosecond); err != nil { // gone before the next
		t.Fatal(err)
	}

	// Questions for names lead to who answers them here, whomever they ask.
	n.Names = port16(w.listen("10.9.1.1:0", "names"))
	if err := f.Put(n); err != nil {
		t.Fatal(err)
	}
	a.reaches("10.9.9.2:53", "names")
	a.reaches("10.9.1.1:53", "names")

	// Other rules: what was admitted by the old ones is not.
	n.Places = nil
	if err := f.Put(n); err != nil {
		t.Fatal(err)
	}
	a.refused("10.9.9.3:" + other)
	a.refused("10.9.9.2:" + one)
	n.Listed = false
	if err := f.Put(n); err != nil {
		t.Fatal(err)
	}
	a.reaches("10.9.9.2:"+one, "one")
	if err := f.Load(nil); err != nil {
		t.Fatal(err)
	}
}

func TestAThousandNetworksAreFencedAtOnce(t *testing.T) {
	newWorld(t)
	f := New("0123abcd")
	var all []Network
	for i := range 1000 {
		n := Network{Bridge: f.Bridge(i), Gateway: netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), Listed: true, Names: 7, Ways: map[uint16]uint16{80: 9, 8080: 9}}
		for p := range uint16(8) {
			n.Doors, n.Places = append(n.Doors, 100+p), append(n.Places, Place{Address: n.Gateway, Port: p})
		}
		all = append(all, n)
	}
	began := time.Now()
	if err := f.Load(all); err != nil {
		t.Fatal(err)
	}
	t.Logf("made anew in %v", time.Since(began))
	began = time.Now()
	all[0].Doors = all[0].Doors[1:]
	if err := f.Put(all[0]); err != nil {
		t.Fatal(err)
	}
	t.Logf("changed in %v", time.Since(began))
	if err := f.Load(nil); err != nil {
		t.Fatal(err)
	}
}
