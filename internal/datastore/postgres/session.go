package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// askTimeout bounds one statement of ours.
const askTimeout = 30 * time.Second

// connect opens a session as our superuser through the socket in the clone's
// own folder: no other process can answer there.
func (d *Driver) connect(ctx context.Context, c datastore.Clone, at datastore.Endpoint, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("sslmode=disable connect_timeout=5")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.User, config.Password, config.Database = "localhost", uint16(at.Port), admin, d.adminPassword(), database
	config.Fallbacks = nil
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		// A path through the folder's descriptor is short whatever the
		// folder's is: a socket's address holds 107 bytes.
		dir, err := os.Open(filepath.Join(c.Dir, "run"))
		if err != nil {
			return nil, err
		}
		defer func() { _ = dir.Close() }()
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/.s.PGSQL.%d", dir.Fd(), at.Port))
	}
	return pgx.ConnectConfig(ctx, config)
}

// Ready implements datastore.Driver.
func (d *Driver) Ready(ctx context.Context, c datastore.Clone, at datastore.Endpoint) error {
	return datastore.Poll(ctx, func(ctx context.Context) error {
		conn, err := d.connect(ctx, c, at, "postgres")
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		_, err = conn.Exec(ctx, "SELECT 1")
		return err
	})
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

// Prepare implements datastore.Driver: the declared role and database are
// there, with the environment's own password; roles that came along with the
// data cannot sign in.
func (d *Driver) Prepare(ctx context.Context, c datastore.Clone, at datastore.Endpoint) error {
	have, err := readRecord(c.Dir)
	if err != nil {
		return err
	}
	if c.Store.User == admin || c.Store.User == "" || c.Store.Database == "" {
		return staging.Errorf(staging.ClassCode(staging.ClassManifest), "declare another POSTGRES_USER and POSTGRES_DB",
			"datastore %s: user %q and database %q cannot be made", c.Store.Name, c.Store.User, c.Store.Database)
	}
	sum := sha256.Sum256([]byte(c.Name + "\x00" + c.Store.User + "\x00" + c.Store.Database + "\x00" + c.Password))
	mark := hex.EncodeToString(sum[:])
	if have.Prepared == mark {
		return nil
	}
	err = d.do(ctx, c, at, "postgres", func(ctx context.Context, conn *pgx.Conn) error { return prepare(ctx, conn, c.Store, c.Password, have) })
	if err != nil {
		return fmt.Errorf("prepare %s: %w", c.Store.Name, err)
	}
	have.Prepared, have.User, have.Database = mark, c.Store.User, c.Store.Database
	return writeRecord(c.Dir, have)
}

func prepare(ctx context.Context, conn *pgx.Conn, store staging.Datastore, password string, have record) error {
	user, database := pgx.Identifier{store.User}.Sanitize(), pgx.Identifier{store.Database}.Sanitize()
	// A statement with a password must not reach the server's log.
	for _, quiet := range []string{"SET log_statement = 'none'", "SET log_min_error_statement = 'panic'", "SET log_min_duration_statement = -1"} {
		if _, err := conn.Exec(ctx, quiet); err != nil {
			return err
		}
	}
	rows, err := conn.Query(ctx, "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname NOT IN ($1, $2)", admin, store.User)
	if err != nil {
		return err
	}
	others, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, role := range others {
		if _, err := conn.Exec(ctx, "ALTER ROLE "+pgx.Identifier{role}.Sanitize()+" PASSWORD NULL"); err != nil {
			return err
		}
	}
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", store.User).Scan(&exists); err != nil {
		return err
	}
	verb := "CREATE"
	if exists {
		verb = "ALTER"
	}
	if _, err := conn.Exec(ctx, verb+" ROLE "+user+" LOGIN SUPERUSER PASSWORD "+literal(password)); err != nil {
		return errors.New("set the role's password: " + plain(err))
	}
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", store.Database).Scan(&exists); err != nil || exists {
		return err
	}
	if have.Database != "" && have.Database != store.Database && have.Database != "postgres" {
		_, err = conn.Exec(ctx, "ALTER DATABASE "+pgx.Identifier{have.Database}.Sanitize()+" RENAME TO "+database)
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database+" OWNER "+user)
	return err
}

// plain is an error's text without the statement.
func plain(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// literal quotes a value for a statement that takes no parameters.
func literal(s string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

// Verify implements datastore.Verifier.
func (d *Driver) Verify(ctx context.Context, c datastore.Clone, at datastore.Endpoint) (datastore.Report, error) {
	var tables, size int64
	var version string
	err := d.do(ctx, c, at, c.Store.Database, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE relkind IN ('r','p') AND nspname NOT IN ('pg_catalog','information_schema')), pg_database_size(current_database()), current_setting('server_version')`).
			Scan(&tables, &size, &version)
	})
	if err != nil {
		return datastore.Report{}, err
	}
	return datastore.Report{SizeBytes: size, Summary: "postgres " + version + ": " + strconv.FormatInt(tables, 10) + " tables, " +
		strconv.FormatInt(size>>20, 10) + " MB"}, nil
}

// Trim implements datastore.Verifier.
func (d *Driver) Trim(_ context.Context, dir string) error {
	for name := range leftOut {
		if err := os.RemoveAll(filepath.Join(dir, "data", name)); err != nil {
			return err
		}
	}
	return nil
}

// Fingerprint implements datastore.Inspector: columns, indexes, constraints
// and functions of what is not the server's own.
func (d *Driver) Fingerprint(ctx context.Context, c datastore.Clone, at datastore.Endpoint) (string, error) {
	var sum string
	err := d.do(ctx, c, at, c.Store.Database, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT coalesce(md5(string_agg(line, E'\n' ORDER BY line)), '') FROM (
			SELECT 'column ' || attrelid::regclass || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull AS line
			FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
			WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r','p','v','m','f') AND nspname NOT IN ('pg_catalog','information_schema','pg_toast')
			UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname NOT IN ('pg_catalog','information_schema','pg_toast')
			UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(o.oid) FROM pg_constraint o JOIN pg_namespace n ON n.oid = connamespace
			WHERE nspname NOT IN ('pg_catalog','information_schema')
			UNION ALL SELECT 'function ' || p.oid::regprocedure || md5(prosrc) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
			WHERE nspname NOT IN ('pg_catalog','information_schema')) s`).Scan(&sum)
	})
	return sum, err
}
