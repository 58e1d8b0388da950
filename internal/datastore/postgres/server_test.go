package postgres

import (
	"bytes"
	"context"
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
		if slices.Contains(strings.Split(os.Getenv("OFFSHOOT_TEST_REQUIRE"), ","), "postgres") {
			t.Fatal(err)
		}
		t.Skip(err)
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
