package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/network"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// listens is the state of a socket that accepts connections, as proc(5) writes
// it.
const listens = "0A"

// Listening implements platform.Lookout, by what the kernel shows of the
// container's network.
func (d *Driver) Listening(ctx context.Context, ref platform.Ref) ([]string, error) {
	if err := check(ref); err != nil {
		return nil, err
	}
	c, _, err := d.inspect(ctx, ref.Name)
	if err != nil {
		return nil, err
	}
	if c.State.Pid == 0 {
		return nil, staging.Refused("", "%s does not run on this host", ref.Name)
	}
	var list []string
	for _, table := range []string{"tcp", "tcp6"} {
		found, err := listeners("/proc/" + strconv.Itoa(c.State.Pid) + "/net/" + table)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		list = append(list, found...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// exposed are an image's TCP ports.
func exposed(all network.PortSet) []int {
	var list []int
	for p := range all {
		if p.Proto() == network.TCP {
			list = append(list, int(p.Num()))
		}
	}
	slices.Sort(list)
	return list
}

// engineResolver is where the engine itself listens in each container.
const engineResolver = "127.0.0.11"

func listeners(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var list []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != listens {
			continue
		}
		at, ok := socketAddress(fields[1])
		if ok && at.Addr().String() != engineResolver {
			list = append(list, at.String())
		}
	}
	return list, lines.Err()
}

// socketAddress is one as proc(5) writes it: words in the byte order of the
// machine, and the port.
func socketAddress(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	number, errPort := strconv.ParseUint(port, 16, 16)
	if err != nil || errPort != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(number)), ok
}
