package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// Prepare implements datastore.Driver: the declared role and database are
// there, with the environment's own password; roles that came along with the
// data cannot sign in. Those that this clone was prepared for before still can:
// the revision that declared them may still serve.
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

// noPasswords lets nobody sign in but us: passwords that came along are those
// of where the data was.
func noPasswords(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL AND rolname <> $1", admin)
	if err != nil {
		return err
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, role := range roles {
		if _, err := conn.Exec(ctx, "ALTER ROLE "+pgx.Identifier{role}.Sanitize()+" PASSWORD NULL"); err != nil {
			return err
		}
	}
	return nil
}

func prepare(ctx context.Context, conn *pgx.Conn, store staging.Datastore, password string, have record) error {
	user, database := pgx.Identifier{store.User}.Sanitize(), pgx.Identifier{store.Database}.Sanitize()
	// A statement with a password must not reach the server's log.
	for _, quiet := range []string{"SET log_statement = 'none'", "SET log_min_error_statement = 'panic'", "SET log_min_duration_statement = -1"} {
		if _, err := conn.Exec(ctx, quiet); err != nil {
			return err
		}
	}
	if have.Prepared == "" {
		if err := noPasswords(ctx, conn); err != nil {
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
		return rename(ctx, conn, have.Database, store.Database)
	}
	_, err := conn.Exec(ctx, "CREATE DATABASE "+database+" OWNER "+user)
	return err
}

// rename gives a database another name. Nobody may be signed in to it meanwhile,
// and Postgres waits some seconds for those who were told to go.
func rename(ctx context.Context, conn *pgx.Conn, from, to string) error {
	before, after := pgx.Identifier{from}.Sanitize(), pgx.Identifier{to}.Sanitize()
	for _, statement := range []string{
		"ALTER DATABASE " + before + " ALLOW_CONNECTIONS false",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = " + literal(from),
		// One transaction: a database of the new name is open.
		"ALTER DATABASE " + before + " RENAME TO " + after + "; ALTER DATABASE " + after + " ALLOW_CONNECTIONS true",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
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
