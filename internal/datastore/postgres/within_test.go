package postgres

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The user that a stack declares is a superuser of its cluster, and so can put
// anything in the place of its files and its socket: what we read and whom we
// ask is the cluster's own all the same.
func TestASuperuserOfAClusterLeadsUsNowhereElse(t *testing.T) {
	d, c := rig(t)
	if _, err := d.Make(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	at, stop := serve(t, d, c, freePort(t))

	// Ours comes in by the socket alone: what is asked there could be passed on.
	u := url.URL{Scheme: "postgres", User: url.UserPassword(admin, d.adminPassword()), Host: fmt.Sprintf("%s:%d", at.Host, at.Port), Path: "/postgres"}
	if _, err := pgx.Connect(t.Context(), u.String()); err == nil || !strings.Contains(err.Error(), "pg_hba.conf") {
		t.Errorf("our superuser over TCP: %v", err)
	}

	// Another's server at the socket.
	if c.UID != 0 {
		other := c
		other.UID = c.UID + 1
		if err := d.Quiet(t.Context(), other, at); err == nil || !strings.Contains(err.Error(), "runs as user") {
			t.Errorf("a server of another user: %v", err)
		}
	}
	stop()

	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("hunter2\n", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"PG_VERSION", "postmaster.pid", "global/pg_control", "pg_wal"} {
		path := filepath.Join(c.Dir, "data", name)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(secret, path); err != nil {
			t.Fatal(err)
		}
	}
	said := func(what string, err error) {
		t.Helper()
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", what, err)
		}
	}
	said("PG_VERSION", d.Check(t.Context(), c))
	said("pg_control", trimWAL(filepath.Join(c.Dir, "data")))
	_, err := openWithin(filepath.Join(c.Dir, "data"), "pg_wal")
	said("pg_wal", err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	said("postmaster.pid", d.Ready(ctx, c, at))

	// A pipe that nobody writes to keeps nobody waiting; neither does text.
	version := filepath.Join(c.Dir, "data", "PG_VERSION")
	if err := os.Remove(version); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(version, 0o600); err != nil {
		t.Fatal(err)
	}
	said("a pipe", d.Check(t.Context(), c))
	if err := os.Remove(version); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(version, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	said("a text", d.Check(t.Context(), c))
}
