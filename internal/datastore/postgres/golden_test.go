package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"offshoot/internal/componenttest"
	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

func listen() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// A copy must not reach where its source does, nor let its users in; trimmed
// of its WAL it starts and has everything.
func TestGoldenCopyIsHarmlessAndStarts(t *testing.T) {
	d, c := rig(t)
	if _, err := d.Make(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	at, stop := serve(t, d, c, freePort(t))
	d.mustDo(t, c, at, "CREATE TABLE product AS SELECT i, repeat('x', 500) t FROM generate_series(1, 20000) i", "CREATE INDEX ON product (t)",
		"CREATE ROLE other LOGIN PASSWORD 'hunter2'", "SELECT pg_create_physical_replication_slot('s', true)",
		"CREATE EXTENSION postgres_fdw", "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example.com', port '5432')",
		"CREATE USER MAPPING FOR app SERVER far OPTIONS (user 'u', password 'hunter2')",
		"CREATE SUBSCRIPTION sub CONNECTION 'host=db.example.com password=hunter2' PUBLICATION p WITH (connect = false)")
	report, err := d.Verify(t.Context(), c, at)
	if err != nil || !strings.Contains(report.Summary, "1 tables") || report.SizeBytes < 5<<20 {
		t.Fatalf("%+v, %v", report, err)
	}
	for question, want := range map[string]string{
		"SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL": "1",
		"SELECT count(*) FROM pg_user_mappings":                        "0",
		"SELECT count(*) FROM pg_subscription":                         "0",
		"SELECT count(*) FROM pg_replication_slots":                    "0",
		"SELECT srvoptions[1] FROM pg_foreign_server":                  "host=disabled.invalid",
	} {
		if got := d.ask(t, c, at, question); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
	stop()
	if err := d.Trim(t.Context(), c.Dir); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(c.Dir, "data", "pg_wal", "0*"))
	if err != nil || len(segments) != 1 {
		t.Errorf("left of the WAL: %v, %v", segments, err)
	}
	clone := c
	clone.Name, clone.Dir, clone.From, clone.Password = "env_b/clone/db.0", c.Dir+"b", c.Dir, "another"
	made, err := d.Make(t.Context(), clone, nil)
	if err != nil || made.Empty {
		t.Fatalf("%+v, %v", made, err)
	}
	at, _ = serve(t, d, clone, freePort(t))
	if got := d.ask(t, clone, at, "SELECT count(*) FROM product"); got != "20000" {
		t.Errorf("the clone has %s rows", got)
	}
	if _, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://other:hunter2@127.0.0.1:%d/shop?sslmode=disable", at.Port)); err == nil {
		t.Error("a user of the source can sign in to the clone")
	}
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://app:another@127.0.0.1:%d/shop?sslmode=disable", at.Port))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
}

// Where the system's library sorts otherwise than it did, indexes are built
// again, once.
func TestIndexesOfAnotherCollationAreRebuilt(t *testing.T) {
	d, c := rig(t)
	if _, err := d.Make(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	at, _ := serve(t, d, c, freePort(t))
	if d.ask(t, c, at, "SELECT (current_setting('server_version_num')::int >= 150000)::text") != "true" {
		componenttest.Missing(t, "postgres", "a server of version 15 or newer, which keeps the version of a database's own collation")
	}
	d.mustDo(t, c, at, "CREATE TABLE word AS SELECT i::text w FROM generate_series(1, 100) i", "CREATE INDEX word_index ON word (w)")
	const built = "SELECT relfilenode::text FROM pg_class WHERE relname = 'word_index'"
	before := d.ask(t, c, at, built)
	if _, err := d.Verify(t.Context(), c, at); err != nil {
		t.Fatal(err)
	}
	if d.ask(t, c, at, built) != before {
		t.Error("an index is rebuilt though nothing has changed")
	}
	for _, stale := range []string{"UPDATE pg_database SET datcollversion = '0.1' WHERE datname = current_database()",
		"UPDATE pg_collation SET collversion = '0.1' WHERE oid = (SELECT min(oid) FROM pg_collation WHERE collversion IS NOT NULL)"} {
		before = d.ask(t, c, at, built)
		d.mustDo(t, c, at, stale)
		if _, err := d.Verify(t.Context(), c, at); err != nil {
			t.Fatal(err)
		}
		after := d.ask(t, c, at, built)
		if after == before {
			t.Errorf("after %s the index is the old one", stale)
		}
		if _, err := d.Verify(t.Context(), c, at); err != nil || d.ask(t, c, at, built) != after {
			t.Errorf("it is rebuilt again and again: %v", err)
		}
	}
}

// TestJobsOfACopyAreOff has pg_cron's table, whose trigger is in a library that
// is not loaded.
func TestJobsOfACopyAreOff(t *testing.T) {
	d, c := rig(t)
	if _, err := d.Make(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	at, _ := serve(t, d, c, freePort(t))
	d.mustDo(t, c, at, "CREATE SCHEMA cron", "CREATE TABLE cron.job (jobid int, active bool)", "INSERT INTO cron.job VALUES (1, true), (2, true)",
		"CREATE FUNCTION cron.not_loaded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the library is not loaded'; END $$",
		"CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON cron.job FOR STATEMENT EXECUTE FUNCTION cron.not_loaded()")
	if _, err := d.Verify(t.Context(), c, at); err != nil {
		t.Fatal(err)
	}
	if got := d.ask(t, c, at, "SELECT count(*) FROM cron.job WHERE active"); got != "0" {
		t.Errorf("%s jobs are on", got)
	}
}

// Where files cannot be shared a running server is copied as it writes: the
// copy is of one moment.
func TestBackupOfABusyServerIsWhole(t *testing.T) {
	d, c := rig(t)
	if _, err := d.Make(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	at, _ := serve(t, d, c, freePort(t))
	d.mustDo(t, c, at, "CREATE TABLE a (i int PRIMARY KEY, n int)", "CREATE TABLE b (i int PRIMARY KEY, n int)",
		"INSERT INTO a SELECT i, 0 FROM generate_series(1, 2000) i", "INSERT INTO b SELECT i, 0 FROM generate_series(1, 2000) i")
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			conn, err := d.connect(ctx, c, at, c.Store.Database)
			if err != nil {
				return
			}
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			for i := w; ctx.Err() == nil; i += 2 {
				// One transaction takes from one table what it gives to the other.
				_, _ = conn.Exec(ctx, fmt.Sprintf("BEGIN; UPDATE a SET n = n - 1 WHERE i = %d; UPDATE b SET n = n + 1 WHERE i = %d; COMMIT", i%2000+1, (i*7)%2000+1))
				if i%50 == 0 {
					_, _ = conn.Exec(ctx, fmt.Sprintf("CREATE TABLE t%d AS SELECT * FROM a; DROP TABLE t%d", i, i))
				}
			}
		})
	}
	copied := c
	copied.Dir = c.Dir + "copy"
	err := d.Backup(t.Context(), c, at, copied.Dir, nil)
	cancel()
	writers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(copied.Dir, "data", "backup_label")); err != nil {
		t.Fatal(err)
	}
	to, _ := serve(t, d, copied, freePort(t))
	if got := d.ask(t, copied, to, "SELECT (SELECT sum(n) FROM a) + (SELECT sum(n) FROM b)"); got != "0" {
		t.Errorf("what one table lost and the other won differ by %s", got)
	}
	if got := d.ask(t, copied, to, "SELECT count(*) FROM a"); got != "2000" {
		t.Errorf("%s rows", got)
	}
}

func TestCheckRefusesWhatCannotBeServed(t *testing.T) {
	d, c := rig(t)
	if _, err := d.Make(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	refused := func(what, part string, c datastore.Clone) {
		t.Helper()
		err := d.Check(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), part) || staging.CodeOf(err) != staging.ClassCode(staging.ClassData) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := d.Check(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, stop := serve(t, d, c, freePort(t))
	refused("in use", "another server already uses", c)
	stop()
	if err := d.Check(t.Context(), c); err != nil {
		t.Errorf("after a clean stop: %v", err)
	}
	other := c
	other.Store.Version = "9"
	refused("another version is asked for", "the stack asks for Postgres 9", other)
	if c.UID != 0 {
		other = c
		other.UID = c.UID - 1
		refused("another user", "belongs to user", other)
	}
	version := filepath.Join(c.Dir, "data", "PG_VERSION")
	if err := os.WriteFile(version, []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a newer version", "was written by Postgres 99", c)
	if err := os.Remove(version); err != nil {
		t.Fatal(err)
	}
	refused("no data directory", "it has no PG_VERSION", c)
}

func TestSettingsOfAStack(t *testing.T) {
	got := declared([]string{"postgres", "-c", "max_connections=200", "--work-mem=8MB", "-cfsync=off", "-c", "archive_command=rm -rf /",
		"-c", "shared_preload_libraries=pg_stat_statements,evil", "-c", "wal_level=minimal", "-c", "timezone=UTC'\nfsync=off", "-c"})
	want := []string{"-c", "max_connections=200", "-c", "work_mem=8MB", "-c", "shared_preload_libraries=pg_stat_statements"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSegmentOf(t *testing.T) {
	for _, x := range []struct {
		timeline uint32
		position uint64
		want     string
	}{{1, 0x2000028, "000000010000000000000002"}, {3, 0x1_FF00_0000, "0000000300000001000000FF"}, {1, 0xA_0000_0000, "000000010000000A00000000"}} {
		if got := segmentOf(x.timeline, x.position); got != x.want {
			t.Errorf("%d %X: %s, want %s", x.timeline, x.position, got, x.want)
		}
	}
}
