package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// program puts a program on PATH that says what it is.
func program(t *testing.T, dir, name, says string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho '"+says+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// majors no distribution has keep the host's own out of the way.
func finder(t *testing.T) *Finder {
	runtime, path := t.TempDir(), t.TempDir()
	t.Setenv("PATH", path+":/usr/bin:/bin")
	program(t, filepath.Join(runtime, "postgres-98.2.0", "bin"), "postgres", "postgres (PostgreSQL) 98.2")
	program(t, path, "postgres", "postgres (PostgreSQL) 97.4 (Debian 97.4-1.pgdg120+1)")
	program(t, path, "valkey-server", "Valkey server v=99.1.2 sha=00000000:1 malloc=libc bits=64 build=1")
	return New(runtime)
}

func TestFindsByKindAndMajor(t *testing.T) {
	f := finder(t)
	for _, c := range []struct{ kind, major, version, program string }{
		{"postgres", "98", "98.2", "postgres"}, {"postgres", "97", "97.4", "postgres"}, {"postgres", "", "98.2", "postgres"},
		{"redis", "99", "99.1.2", "valkey-server"},
	} {
		e, err := f.Find(t.Context(), c.kind, c.major)
		if err != nil || e.Version != c.version || e.Program != c.program {
			t.Errorf("Find(%s, %s) = %+v, %v; want %s", c.kind, c.major, e, err, c.version)
		}
	}
	// Any Redis does for any, a Postgres only for its own major.
	if e, err := f.Find(t.Context(), "redis", "98"); err != nil || e.Major != "99" {
		t.Errorf("redis 98: %+v, %v", e, err)
	}
	// What can be fetched is offered, and only that.
	for major, offered := range map[string]bool{"16": true, "96": false} {
		empty := New(t.TempDir())
		empty.known["postgres"] = []datastore.Engine{{Kind: "postgres", Version: "97.4", Major: "97"}}
		_, err := empty.Find(t.Context(), "postgres", major)
		var refused *staging.Error
		if !errors.As(err, &refused) || refused.Code != "data" || strings.HasPrefix(refused.Hint, "offshoot runtime install postgres@"+major) != offered {
			t.Errorf("postgres %s: %+v", major, refused)
		}
	}
}

// Whoever asks may go away half-way: that a program was not looked at does not
// mean that it is missing, for him or for the next.
func TestAQuestionGivenUpSaysNothing(t *testing.T) {
	f := finder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ask := range []func() error{
		func() error { _, err := f.List(ctx, "postgres"); return err },
		func() error { _, err := f.Find(ctx, "redis", ""); return err },
		func() error { _, err := f.ByName(ctx, "postgres", "postgres (PostgreSQL) 98.2"); return err },
	} {
		if err := ask(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	if all, err := f.List(t.Context(), "postgres"); err != nil || len(all) < 2 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestAFetchedBuildIsSeenWhole(t *testing.T) {
	f := finder(t)
	e, err := f.Find(t.Context(), "postgres", "98")
	if err != nil || !f.Fetched(e) || len(e.Mounts()) != 1 || e.Mounts()[0].Source != e.Root || filepath.Base(e.Root) != "postgres-98.2.0" {
		t.Errorf("%+v, %v, %v", e, e.Mounts(), err)
	}
}

func TestDataOutlivesAnUpdateOfItsServer(t *testing.T) {
	f := finder(t)
	for name, want := range map[string]string{
		"postgres (PostgreSQL) 97.4 (Debian 97.4-1.pgdg120+1)": "97.4",
		"postgres (PostgreSQL) 97.1 (Debian 97.1-2.pgdg120+3)": "97.4", // before an update
		"postgres (PostgreSQL) 97.1 (Debian 97.1-2.pgdg130+3)": "",     // another system, another collation
		"postgres (PostgreSQL) 96.4 (Debian 96.4-1.pgdg120+1)": "",
		"postgres (PostgreSQL) 97.1":                           "",
	} {
		e, err := f.ByName(t.Context(), "postgres", name)
		if e.Version != want || (err == nil) != (want != "") {
			t.Errorf("ByName(%s) = %q, %v; want %q", name, e.Version, err, want)
		}
	}
}

func TestWhatIsInstalledLaterIsFound(t *testing.T) {
	r := NewRuntime(t.TempDir())
	defer r.Close()
	path := t.TempDir()
	t.Setenv("PATH", path+":/usr/bin:/bin")
	if _, err := r.Provide(t.Context(), datastore.Wanted{Kind: "postgres", Major: "96"}, nil); err == nil {
		t.Fatal("a postgres 96 came out of nothing")
	}
	program(t, path, "postgres", "postgres (PostgreSQL) 96.1")
	if e, err := r.Provide(t.Context(), datastore.Wanted{Kind: "postgres", Major: "96"}, nil); err != nil || e.Version != "96.1" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestNamesOfPeople(t *testing.T) {
	r := NewRuntime(t.TempDir())
	defer r.Close()
	path := t.TempDir()
	t.Setenv("PATH", path+":/usr/bin:/bin")
	program(t, path, "valkey-server", "Valkey server v=99.1.2")
	program(t, path, "valkey-cli", "valkey-cli 99.1.2")
	for name, want := range map[string]string{"valkey": "redis", "VALKEY@latest": "redis", "valkey-server": "redis", "valkey-cli": "redis-cli", "redis@99": "redis"} {
		if e, err := r.Install(t.Context(), name, nil); err != nil || e.Kind != want || e.Version != "99.1.2" {
			t.Errorf("Install(%s) = %+v, %v", name, e, err)
		}
	}
	for name, code := range map[string]staging.Code{"mysql": staging.CodeUsage, "": staging.CodeUsage, "postgres@9": staging.CodeRefused, "postgresql@1": staging.CodeRefused} {
		if _, err := r.Install(t.Context(), name, nil); staging.CodeOf(err) != code {
			t.Errorf("Install(%s): %v, want %s", name, err, code)
		}
	}
}

func TestEachBuildIsPinned(t *testing.T) {
	for _, b := range Builds() {
		if !slices.Contains(Kinds(), b.Kind) || b.Major == "" || len(b.From) == 0 {
			t.Errorf("%+v", b)
		}
		for at, r := range b.From {
			if len(r.SHA256) != 64 || r.Size < 1<<20 || r.Version == "" || r.Platform == "" {
				t.Errorf("%s for %s: %+v", b.Title, at, r)
			}
		}
	}
}

func TestWhatAKilledProcessHalfFetchedGoes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{partial + "1", "postgres-98.2.0"} {
		program(t, filepath.Join(dir, name, "bin"), "postgres", "postgres (PostgreSQL) 98.2")
	}
	other := NewRuntime(dir)
	lock := other.lock()
	if mine, err := lock.TryLock(); err != nil || !mine {
		t.Fatal(mine, err)
	}
	r := NewRuntime(dir)
	if err := r.Recover(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, partial+"1")); err != nil {
		t.Error("what another process fetches was taken away")
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := r.Recover(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*-*")); len(left) != 1 || filepath.Base(left[0]) != "postgres-98.2.0" {
		t.Errorf("left: %v", left)
	}
	if e, err := r.Find(t.Context(), "postgres", "98"); err != nil || !r.Fetched(e) {
		t.Errorf("%+v, %v", e, err)
	}
}
