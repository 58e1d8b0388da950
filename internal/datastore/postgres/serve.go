package postgres

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// insideData and insideRun are where a server sees its folders.
const (
	insideData = "/var/lib/postgresql/data"
	insideRun  = "/run/postgresql"
)

// stopGrace is how long a server may take to stop cleanly. One that a full disk
// keeps from it is killed: what it has acknowledged is on the disk, and requests
// may wait for its successor.
const stopGrace = 20 * time.Second

// sharedMemory is the room for parallel queries in a container, in bytes: an
// engine's 64 MB are soon full.
const sharedMemory = 256 << 20

// Serve implements datastore.Driver. What a power cut must not break stands in
// the command, where no ALTER SYSTEM reaches it.
func (d *Driver) Serve(ctx context.Context, c datastore.Clone, at datastore.Endpoint) (datastore.Serving, error) {
	have, err := readRecord(c.Dir)
	if err != nil {
		return datastore.Serving{}, fmt.Errorf("data of %s: %w", c.Store.Name, err)
	}
	e, err := d.engine(ctx, have)
	if err != nil {
		return datastore.Serving{}, err
	}
	port := strconv.Itoa(at.Port)
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.Store.User, c.Password), Host: net.JoinHostPort(at.Host, port),
		Path: "/" + c.Store.Database, RawQuery: "sslmode=disable"}
	listen := at.Host
	if e.Image != "" { // the container's own network: its name is not known in there
		listen = "*"
	}
	args := append([]string{"-D", insideData}, declared(c.Store.Args)...)
	args = append(args, "-c", "listen_addresses="+listen, "-c", "port="+port, "-c", "unix_socket_directories="+insideRun, "-c", "fsync=on", "-c", "full_page_writes=on")
	w := e.Workload("postgres", args...)
	w.Service, w.Role, w.Dir, w.Restart, w.Limits = c.Store.Name, staging.RoleData, insideData, true, c.Store.Limits
	w.Mounts = append([]staging.HostMount{{Source: filepath.Join(c.Dir, "data"), Target: insideData}, {Source: filepath.Join(c.Dir, "run"), Target: insideRun}}, w.Mounts...)
	w.StopSignal, w.StopGrace, w.DiscardSignal = "SIGINT", stopGrace, "SIGQUIT"
	if w.Container != nil {
		w.Container.SharedMemory = sharedMemory
	}
	return datastore.Serving{
		Workload: w, URL: u.String(),
		Variables: map[string]string{"DATABASE_URL": u.String(), "PGHOST": at.Host, "PGPORT": port, "PGUSER": c.Store.User,
			"PGPASSWORD": c.Password, "PGDATABASE": c.Store.Database},
	}, nil
}
