package postgres

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/jackc/pgx/v5"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
)

// harmless turns off, in one database of a copy, what would reach outside or
// do the work of where the copy was made a second time.
var harmless = []string{
	// A subscription holds a connection string with a password.
	`DO $$ DECLARE s record; BEGIN
		FOR s IN SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) LOOP
			EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', s.subname);
			EXECUTE format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', s.subname);
			EXECUTE format('DROP SUBSCRIPTION %I', s.subname);
		END LOOP;
	END $$`,
	`DO $$ DECLARE m record; BEGIN
		FOR m IN SELECT srvname, usename FROM pg_user_mappings LOOP
			EXECUTE format('DROP USER MAPPING IF EXISTS FOR %s SERVER %I', CASE m.usename WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(m.usename) END, m.srvname);
		END LOOP;
		FOR m IN SELECT srvname FROM pg_foreign_server WHERE EXISTS (SELECT FROM unnest(srvoptions) o WHERE o LIKE 'host=%') LOOP
			EXECUTE format('ALTER SERVER %I OPTIONS (SET host %L)', m.srvname, 'disabled.invalid');
		END LOOP;
	END $$`,
	// The jobs of pg_cron would do staging's work again wherever it is loaded.
	// Its trigger wants the library loaded, which it is not here.
	`DO $$ BEGIN
		IF to_regclass('cron.job') IS NOT NULL THEN
			PERFORM set_config('session_replication_role', 'replica', true);
			EXECUTE 'UPDATE cron.job SET active = false';
		END IF;
	END $$`,
}

// touched bounds the tables of a database that are read to prove a copy.
const touched = 500

// Verify implements datastore.Verifier: the copy is made harmless, then every
// database and the first page of its tables are read.
func (d *Driver) Verify(ctx context.Context, c datastore.Clone, at datastore.Endpoint) (datastore.Report, error) {
	var report datastore.Report
	var names []string
	var version string
	err := d.do(ctx, c, at, "postgres", func(ctx context.Context, conn *pgx.Conn) error {
		// A slot would keep WAL for ever; who reads it is elsewhere.
		if _, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active"); err != nil {
			return err
		}
		if err := noPasswords(ctx, conn); err != nil {
			return err
		}
		if err := conn.QueryRow(ctx, "SELECT current_setting('server_version')").Scan(&version); err != nil {
			return err
		}
		rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname")
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return report, err
	}
	tables := 0
	for _, name := range names {
		n, size, err := d.prove(ctx, c, at, name)
		if err != nil {
			return report, fmt.Errorf("database %s: %w", name, err)
		}
		tables += n
		report.SizeBytes += size
	}
	// Nobody can sign in now: who serves it again prepares it again.
	have, err := readRecord(c.Dir)
	if err != nil {
		return report, err
	}
	have.Prepared = ""
	if err := writeRecord(c.Dir, have); err != nil {
		return report, err
	}
	report.Summary = fmt.Sprintf("postgres %s: %d tables, %d MB", version, tables, report.SizeBytes>>20)
	return report, nil
}

// prove makes one database harmless and reads of all its tables.
func (d *Driver) prove(ctx context.Context, c datastore.Clone, at datastore.Endpoint, name string) (tables int, size int64, err error) {
	err = d.do(ctx, c, at, name, func(ctx context.Context, conn *pgx.Conn) error {
		for _, statement := range harmless {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if err := collations(ctx, conn); err != nil {
			return err
		}
		rows, err := conn.Query(ctx, `SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
			WHERE relkind IN ('r','p','m') AND nspname NOT IN ('pg_catalog','information_schema','pg_toast') AND (relkind <> 'm' OR relispopulated) ORDER BY relpages DESC`)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		tables = len(names)
		for _, table := range names[:min(len(names), touched)] {
			if _, err := conn.Exec(ctx, "SELECT FROM "+table+" LIMIT 1"); err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
		}
		return conn.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&size)
	})
	return tables, size, err
}

// collations rebuilds the indexes of a database whose texts the system's
// library now sorts otherwise than when they were built.
func collations(ctx context.Context, conn *pgx.Conn) error {
	var number int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&number); err != nil || number < 150000 {
		return err // older servers do not keep the version of a database's own
	}
	var stale bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid))
		OR EXISTS (SELECT FROM pg_collation WHERE collversion IS NOT NULL AND collversion <> pg_collation_actual_version(oid))`).Scan(&stale); err != nil || !stale {
		return err
	}
	var name string
	if err := conn.QueryRow(ctx, "SELECT current_database()").Scan(&name); err != nil {
		return err
	}
	// Written as they are: REFRESH COLLATION VERSION refuses where either version
	// is unknown.
	for _, statement := range []string{"SET statement_timeout = 0", "REINDEX DATABASE " + pgx.Identifier{name}.Sanitize(),
		"UPDATE pg_database SET datcollversion = pg_database_collation_actual_version(oid) WHERE datname = current_database()",
		"UPDATE pg_collation SET collversion = pg_collation_actual_version(oid) WHERE collversion IS NOT NULL"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("the collation library has changed: %w", err)
		}
	}
	return nil
}

// Trim implements datastore.Verifier.
func (d *Driver) Trim(_ context.Context, dir string) error {
	data := filepath.Join(dir, "data")
	gone := append(slices.Collect(maps.Keys(leftOut)), "backup_label.old", "tablespace_map.old")
	for _, name := range gone {
		if err := copytree.Remove(filepath.Join(data, name)); err != nil {
			return err
		}
	}
	return trimWAL(data)
}
