package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

var quiet = slog.New(slog.DiscardHandler)

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func write(t *testing.T, s *store.Store, do func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Write(context.Background(), do); err != nil {
		t.Fatal(err)
	}
}

var (
	ctx  = context.Background()
	noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	shop = staging.Project{Name: "shop", Repo: "/srv/shop", Policy: staging.Policy{TTL: time.Hour}}
)

func environment(id, slug string) staging.Environment {
	return staging.Environment{ID: id, Project: "shop", Branch: "b-" + slug, Slug: slug, Phase: staging.PhaseReady,
		Generation: 3, CreatedAt: noon, Desired: staging.Desired{Env: map[string]string{"A": "1"}}}
}

func TestEverythingComesBackAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b%20#?", "store.db")
	s := open(t, path)
	env := environment("env_a", "x")
	dep := staging.Deployment{ID: "dep_a", Environment: "env_a", Generation: 3, Outcome: staging.OutcomeFailed, StartedAt: noon,
		Failure: &staging.Failure{Class: staging.ClassBuild, LogTail: []string{"x"}}, Stack: &staging.Stack{Primary: "web"}}
	row := staging.Resource{Name: "env_a/clone/db", Kind: staging.ResourceClone, Owner: "env_a", State: staging.ResourceIntended,
		Spec: json.RawMessage(`{"dir":"x"}`)}
	snap := staging.Snapshot{ID: "snap_a", Project: "shop", TakenAt: noon}
	secret := store.SealedVariable{Variable: staging.Variable{Key: "K", Secret: true}, Sealed: []byte{1}}
	write(t, s, func(tx *store.Tx) error {
		_, err := tx.AppendEvent(ctx, staging.Event{Type: "environment.created", Project: "shop", Environment: "env_a"})
		return errors.Join(err, tx.PutProject(ctx, shop), tx.PutEnvironment(ctx, env), tx.PutDeployment(ctx, dep),
			tx.PutResource(ctx, row), tx.PutSnapshot(ctx, snap), tx.PutVariable(ctx, "shop", secret),
			tx.PutCredential(ctx, "shop", "git", []byte{2}), tx.PutSetting(ctx, "k", "v"))
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file: %v, %v", info, err)
	}
	s = open(t, path)
	check := func(got, want any, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
	p, err := s.Project(ctx, "shop")
	check(p, shop, err)
	e, err := s.EnvironmentBySlug(ctx, "shop", "x")
	check(e, env, err)
	e, err = s.EnvironmentByBranch(ctx, "shop", "b-x")
	check(e, env, err)
	d, err := s.Deployments(ctx, "env_a", 5)
	check(d, []staging.Deployment{dep}, err)
	r, err := s.Resources(ctx, "env_a")
	check(r, []staging.Resource{row}, err)
	n, err := s.Snapshots(ctx, "shop")
	check(n, []staging.Snapshot{snap}, err)
	v, err := s.Variables(ctx, "shop")
	check(v, []store.SealedVariable{secret}, err)
	c, err := s.Credential(ctx, "shop", "git")
	check(c, []byte{2}, err)
	k, found, err := s.Setting(ctx, "k")
	check(k, "v", err)
	check(found, true, err)
	events, err := s.Events(ctx, store.EventFilter{Environment: "env_a"})
	check(events, []staging.Event{{Seq: 1, Type: "environment.created", Project: "shop", Environment: "env_a", Detail: map[string]any{}}}, err)
}

func TestRulesThatNoWriterBreaks(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	first := environment("env_a", "x")
	write(t, s, func(tx *store.Tx) error { return errors.Join(tx.PutProject(ctx, shop), tx.PutEnvironment(ctx, first)) })
	put := func(e staging.Environment) error {
		return s.Write(ctx, func(tx *store.Tx) error { return tx.PutEnvironment(ctx, e) })
	}
	if put(environment("env_b", "x")) == nil {
		t.Error("two live environments have one slug")
	}
	older := first
	older.Generation = 2
	if put(older) == nil {
		t.Error("the generation went back")
	}
	first.DeleteRequestedAt, first.Phase = noon, staging.PhaseDestroying
	if err := put(first); err != nil {
		t.Fatal(err)
	}
	undone := first
	undone.DeleteRequestedAt = time.Time{}
	if put(undone) == nil {
		t.Error("a deletion was undone")
	}
	if err := put(environment("env_b", "x")); err != nil {
		t.Errorf("the successor of what is being destroyed: %v", err)
	}
	if e, err := s.EnvironmentBySlug(ctx, "shop", "x"); err != nil || e.ID != "env_b" {
		t.Errorf("by slug: %s, %v; want the successor", e.ID, err)
	}
	err := s.Write(ctx, func(tx *store.Tx) error {
		return tx.PutVariable(ctx, "shop", store.SealedVariable{Variable: staging.Variable{Key: "K", Value: "plain", Secret: true}})
	})
	if err == nil || strings.Contains(err.Error(), "plain") {
		t.Errorf("an unsealed secret: %v", err)
	}
	if s.Write(ctx, func(tx *store.Tx) error { return tx.DeleteProject(ctx, "shop") }) == nil {
		t.Error("a project went although it has environments")
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	if _, err := store.Open(ctx, path, quiet); staging.CodeOf(err) != staging.CodeRefused {
		t.Errorf("newer schema: %v", err)
	}
	if err := os.WriteFile(path, []byte("this is no database at all, only text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(ctx, path, quiet); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no database: %v", err)
	}
}
