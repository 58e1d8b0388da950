//go:build linux

package process

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Ports are below the kernel's usual ephemeral range, so that no outgoing
// connection takes one.
const firstPort, lastPort = 20000, 32000

type endpoint struct {
	Port int `json:"port"`
}

func (d *Driver) applyEndpoint(r platform.Resource) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	file := d.file(platform.Ref{Name: r.Name})
	if _, err := os.Lstat(file); err == nil {
		return nil
	}
	taken, err := d.ports()
	if err != nil {
		return err
	}
	done := false
	err = d.portClaims.locked(func(dir string) error {
		first := firstOf(d.dir, lastPort-firstPort)
		for i := range lastPort - firstPort {
			port := firstPort + (first+i)%(lastPort-firstPort)
			if taken[port] {
				continue
			}
			ok, err := d.portClaims.take(dir, port, file)
			if err != nil {
				return err
			}
			if !ok {
				continue // not even tried: its owner may be about to listen
			}
			if !free(port) {
				if err := d.portClaims.release(dir, port, file); err != nil {
					return err
				}
				continue
			}
			done = true
			return writeFile(file, endpoint{port})
		}
		return nil
	})
	if err != nil || done {
		return err
	}
	return staging.Errorf(staging.CodeLimit, "destroy environments that nobody needs", "no port from %d to %d is free", firstPort, lastPort)
}

func (d *Driver) ports() (map[int]bool, error) {
	files, err := filepath.Glob(filepath.Join(d.dir, "*", string(staging.ResourceEndpoint), "*"))
	if err != nil {
		return nil, err
	}
	taken := map[int]bool{}
	for _, f := range files {
		var e endpoint
		if err := readFile(f, &e); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		taken[e.Port] = true
	}
	return taken, nil
}

// free is whether nobody else on this host listens there now.
func free(port int) bool {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func (d *Driver) observeEndpoint(ref platform.Ref) (staging.Observation, error) {
	var e endpoint
	if err := readFile(d.file(ref), &e); err != nil {
		return staging.Observation{}, err
	}
	return staging.Observation{Presence: staging.Present, Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(e.Port))}, nil
}

func (d *Driver) deleteEndpoint(ref platform.Ref) error {
	var e endpoint
	if err := readFile(d.file(ref), &e); err != nil {
		return err
	}
	if err := os.Remove(d.file(ref)); err != nil {
		return err
	}
	return d.portClaims.free(e.Port, d.file(ref))
}
