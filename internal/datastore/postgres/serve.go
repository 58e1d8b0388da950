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
	mounts := append([]staging.HostMount{{Source: filepath.Join(c.Dir, "data"), Target: insideData}, {Source: filepath.Join(c.Dir, "run"), Target: insideRun}}, e.Mounts()...)
	port := strconv.Itoa(at.Port)
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.Store.User, c.Password), Host: net.JoinHostPort(at.Host, port),
		Path: "/" + c.Store.Database, RawQuery: "sslmode=disable"}
	args := append([]string{filepath.Join(e.Bin, "postgres"), "-D", insideData}, declared(c.Store.Args)...)
	args = append(args, "-c", "listen_addresses="+at.Host, "-c", "port="+port, "-c", "unix_socket_directories="+insideRun, "-c", "fsync=on", "-c", "full_page_writes=on")
	return datastore.Serving{
		Workload: staging.WorkloadSpec{Service: c.Store.Name, Role: staging.RoleData, Dir: insideData, Restart: true,
			Command: staging.Command{Args: args},
			Mounts:  mounts, Limits: c.Store.Limits, StopSignal: "SIGINT", StopGrace: stopGrace, DiscardSignal: "SIGQUIT"},
		URL: u.String(),
		Variables: map[string]string{"DATABASE_URL": u.String(), "PGHOST": at.Host, "PGPORT": port, "PGUSER": c.Store.User,
			"PGPASSWORD": c.Password, "PGDATABASE": c.Store.Database},
	}, nil
}
