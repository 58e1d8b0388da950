package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"offshoot/internal/datastore"
)

// askTimeout bounds one statement of ours, with the session for it: that is a
// process which the server starts, and on a busy host waits for a processor.
const askTimeout = time.Minute

// connect opens a session as our superuser through the socket in the clone's
// own folder: no other process can answer there.
func (d *Driver) connect(ctx context.Context, c datastore.Clone, at datastore.Endpoint, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.User, config.Password, config.Database = "localhost", uint16(at.Port), admin, d.adminPassword(), database
	config.Fallbacks = nil
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx, c, at) }
	return pgx.ConnectConfig(ctx, config)
}

// dial connects to a server's socket. A path through the folder's descriptor is
// short whatever the folder's is: a socket's address holds 107 bytes.
func (d *Driver) dial(ctx context.Context, c datastore.Clone, at datastore.Endpoint) (net.Conn, error) {
	dir, err := os.Open(filepath.Join(c.Dir, "run"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/.s.PGSQL.%d", dir.Fd(), at.Port))
	if err != nil {
		return nil, err
	}
	if err := peer(conn, c.UID); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Ready implements datastore.Driver. A session of ours to ask would cost the
// server more than it takes to become ready, so its own word is taken, as by
// pg_ctl: the eighth line of its lock file (pidfile.h). Only a server that runs
// listens, and it wrote that file anew before it did.
func (d *Driver) Ready(ctx context.Context, c datastore.Clone, at datastore.Endpoint) error {
	return datastore.Poll(ctx, func(ctx context.Context) error {
		if err := says(c, "ready"); err != nil {
			return err
		}
		conn, err := d.dial(ctx, c, at)
		if err != nil {
			return err
		}
		return errors.Join(conn.Close(), says(c, "ready"))
	})
}

// statusLine is where a server's lock file says what it is at.
const statusLine = 8

func says(c datastore.Clone, want string) error {
	text, err := readWithin(filepath.Join(c.Dir, "data"), "postmaster.pid")
	if err != nil {
		return err
	}
	status := ""
	if lines := strings.Split(string(text), "\n"); len(lines) >= statusLine {
		status = strings.TrimSpace(lines[statusLine-1])
	}
	switch status {
	case want:
		return nil
	case "stopping", "standby":
		return fmt.Errorf("the server is %s", status)
	}
	return errors.New("the server is starting")
}

// Quiet implements datastore.Driver.
func (d *Driver) Quiet(ctx context.Context, c datastore.Clone, at datastore.Endpoint) error {
	return d.do(ctx, c, at, "postgres", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CHECKPOINT")
		return err
	})
}

func (d *Driver) do(ctx context.Context, c datastore.Clone, at datastore.Endpoint, database string, f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := d.connect(ctx, c, at, database)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.Store.Name, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return f(ctx, conn)
}

// Fingerprint implements datastore.Inspector: relations, columns, indexes,
// constraints, functions, triggers and enumerations that are not the server's
// own.
func (d *Driver) Fingerprint(ctx context.Context, c datastore.Clone, at datastore.Endpoint) (string, error) {
	var sum string
	err := d.do(ctx, c, at, c.Store.Database, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT coalesce(md5(string_agg(line, E'\n' ORDER BY line)), '') FROM (
			SELECT 'column ' || attrelid::regclass || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull AS line
			FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
			WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r','p','v','m','f') AND nspname NOT IN ('pg_catalog','information_schema','pg_toast')
			UNION ALL SELECT 'relation ' || c.oid::regclass || ' ' || relkind::text || CASE WHEN relkind IN ('v','m') THEN md5(pg_get_viewdef(c.oid)) ELSE '' END
			FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
			WHERE relkind IN ('r','p','v','m','f','S') AND nspname NOT IN ('pg_catalog','information_schema','pg_toast')
			UNION ALL SELECT 'default ' || adrelid::regclass || ' ' || adnum || ' ' || pg_get_expr(adbin, adrelid) FROM pg_attrdef
			UNION ALL SELECT 'enum ' || enumtypid::regtype || ' ' || enumlabel FROM pg_enum
			UNION ALL SELECT 'trigger ' || tgrelid::regclass || ' ' || pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT tgisinternal
			UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname NOT IN ('pg_catalog','information_schema','pg_toast')
			UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(o.oid) FROM pg_constraint o JOIN pg_namespace n ON n.oid = connamespace
			WHERE nspname NOT IN ('pg_catalog','information_schema')
			UNION ALL SELECT 'function ' || p.oid::regprocedure || md5(prosrc) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
			WHERE nspname NOT IN ('pg_catalog','information_schema')) s`).Scan(&sum)
	})
	return sum, err
}
