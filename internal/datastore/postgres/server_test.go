package postgres

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"offshoot/internal/componenttest"
	"offshoot/internal/datastore"
	"offshoot/internal/engine"
	"offshoot/internal/staging"
)

// rig is a driver with real servers, or a skip that says what is missing.
func rig(t *testing.T) (*Driver, datastore.Clone) {
	t.Helper()
	engines := engine.NewRuntime(t.TempDir())
	e, err := engines.Find(t.Context(), "postgres", "")
	if err != nil {
		componenttest.Missing(t, "postgres", err.Error())
	}
	root := openDir(t)
	c := datastore.Clone{Name: "env_a/clone/db.0", Owner: "env_a", Dir: filepath.Join(root, "a"), Password: "p'\\q",
		Store: staging.Datastore{Name: "db", Kind: "postgres", Version: e.Major, User: "app", Database: "shop"}}
	if os.Geteuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		c.UID, _ = strconv.Atoi(nobody.Uid)
		c.GID = c.UID
	}
	return New(Config{Empty: filepath.Join(root, "empty"), Engines: engines, Key: []byte("k")}), c
}

// openDir is a folder that other users can pass through, as the server's is.
func openDir(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("", "offshoot-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o711); err != nil {
		t.Fatal(err)
	}
	return root
}

// serve runs what Serve describes outside a sandbox, until stop is called.
func serve(t *testing.T, d *Driver, c datastore.Clone, port int) (at datastore.Endpoint, stop func()) {
	t.Helper()
	at = datastore.Endpoint{Host: "127.0.0.1", Port: port}
	s, err := d.Serve(t.Context(), c, at)
	if err != nil {
		t.Fatal(err)
	}
	args := slices.Clone(s.Workload.Command.Args)
	for i := range args {
		args[i] = strings.ReplaceAll(strings.ReplaceAll(args[i], insideData, filepath.Join(c.Dir, "data")), insideRun, filepath.Join(c.Dir, "run"))
	}
	var log bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stderr, cmd.Dir = []string{"LC_ALL=C"}, &log, c.Dir
	if c.UID != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(c.UID), Gid: uint32(c.GID)}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Signal(syscall.SIGINT)
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := d.Ready(ctx, c, at); err != nil {
		stop()
		t.Fatalf("%v\n%s", err, log.String())
	}
	if err := d.Prepare(ctx, c, at); err != nil {
		t.Fatal(err)
	}
	return at, stop
}

func (d *Driver) mustDo(t *testing.T, c datastore.Clone, at datastore.Endpoint, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := d.do(t.Context(), c, at, c.Store.Database, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, s)
			return err
		}); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func (d *Driver) ask(t *testing.T, c datastore.Clone, at datastore.Endpoint, question string) string {
	t.Helper()
	var answer string
	if err := d.do(t.Context(), c, at, c.Store.Database, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT coalesce(("+question+")::text, 'null')").Scan(&answer)
	}); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return answer
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What a stack says of its server may change while the revision before serves
// the same data: it can sign in until the next one does, and again after it.
func TestTheDataIsServedInAnotherWayAndBack(t *testing.T) {
	d, c := rig(t)
	if _, err := d.Make(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	at, stop := serve(t, d, c, port)
	d.mustDo(t, c, at, "CREATE TABLE product AS SELECT 7 AS id")
	stop()
	signsIn := func(c datastore.Clone, database string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), d.url(t, c, at, database))
		if err != nil {
			t.Fatal(err)
		}
		var id int
		if err := conn.QueryRow(t.Context(), "SELECT id FROM product").Scan(&id); err != nil || id != 7 {
			t.Errorf("%d, %v", id, err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	other := c
	other.Store.User, other.Store.Args = "boss", []string{"-c", "max_connections=77"}
	_, stop = serve(t, d, other, port)
	signsIn(c, "shop")
	signsIn(other, "shop")
	if got := d.ask(t, other, at, "SELECT current_setting('max_connections')"); got != "77" {
		t.Errorf("max_connections is %s", got)
	}
	stop()

	other.Store.Database = "store"
	_, stop = serve(t, d, c, port) // as a session that is signed in when it is renamed
	held, err := pgx.Connect(t.Context(), d.url(t, c, at, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Prepare(t.Context(), other, at); err != nil {
		t.Fatal(err)
	}
	if held.Ping(t.Context()) == nil {
		t.Error("who was signed in to the database of the old name still is")
	}
	_ = held.Close(t.Context())
	signsIn(other, "store")
	stop()
	_, stop = serve(t, d, c, port)
	signsIn(c, "shop")
	stop()
}

// Who is gone without a word leaves no statement behind, which would hold its
// locks for as long as it takes.
func TestAStatementEndsWithWhoAsked(t *testing.T) {
	d, c := rig(t)
	if major, _ := strconv.Atoi(c.Store.Version); major < disconnectSince {
		componenttest.Missing(t, "postgres", "Postgres "+c.Store.Version+" does not look after who asked")
	}
	if _, err := d.Make(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	at, _ := serve(t, d, c, freePort(t))
	conn, err := pgx.Connect(t.Context(), d.url(t, c, at, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	conn.PgConn().Frontend().SendQuery(&pgproto3.Query{String: "SELECT pg_sleep(3600)"})
	if err := conn.PgConn().Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	running := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := datastore.Poll(ctx, func(context.Context) error {
			if n := d.ask(t, c, at, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%sleep(3600)'"); n != want {
				return errors.New(n + " run")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	running("1")
	if err := conn.PgConn().Conn().Close(); err != nil {
		t.Fatal(err)
	}
	running("0")
}

// url is what the services of a stack get.
func (d *Driver) url(t *testing.T, c datastore.Clone, at datastore.Endpoint, database string) string {
	t.Helper()
	s, err := d.Serve(t.Context(), c, at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}
