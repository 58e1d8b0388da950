package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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

// TestEveryEnvironmentIsSeenOnce holds for more than a page of them, also where
// each is taken away as it is seen.
func TestEveryEnvironmentIsSeenOnce(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	const many = 1201
	write(t, s, func(tx *store.Tx) error {
		err := tx.PutProject(ctx, shop)
		for i := range many {
			err = errors.Join(err, tx.PutEnvironment(ctx, environment(fmt.Sprintf("env_%04d", i), fmt.Sprint(i))))
		}
		return err
	})
	count := func(r store.Readers, see func(staging.Environment) error) (n int) {
		t.Helper()
		for e, err := range r.EveryEnvironment(ctx, store.EnvironmentFilter{Project: "shop"}) {
			if err = errors.Join(err, see(e)); err != nil || e.ID != fmt.Sprintf("env_%04d", n) {
				t.Fatalf("%d: %s, %v", n, e.ID, err)
			}
			n++
		}
		return n
	}
	if n := count(s.Readers, func(staging.Environment) error { return nil }); n != many {
		t.Errorf("%d were seen", n)
	}
	write(t, s, func(tx *store.Tx) error {
		if n := count(tx.Readers, func(e staging.Environment) error { return tx.DeleteEnvironment(ctx, e.ID) }); n != many {
			t.Errorf("%d were taken away", n)
		}
		return nil
	})
	for range s.EveryEnvironment(ctx, store.EnvironmentFilter{}) {
		t.Error("something is left")
	}
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

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	_, a := s.Project(ctx, "x")
	_, b := s.Environment(ctx, "x")
	_, c := s.Deployment(ctx, "x")
	_, d := s.Snapshot(ctx, "x")
	_, e := s.Credential(ctx, "x", "git")
	for i, err := range []error{a, b, c, d, e} {
		if staging.CodeOf(err) != staging.CodeNotFound {
			t.Errorf("%d: %v", i, err)
		}
	}
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

func TestWritesAreAllOrNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	refused := errors.New("refused")
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			err := s.Write(ctx, func(tx *store.Tx) error {
				if err := tx.PutSetting(ctx, fmt.Sprint(i), "v"); err != nil {
					return err
				}
				if v, ok, err := tx.Setting(ctx, fmt.Sprint(i)); v != "v" || !ok || err != nil {
					t.Errorf("a write does not see itself: %q %v %v", v, ok, err)
				}
				switch i % 4 {
				case 1:
					return refused
				case 2:
					panic("broken")
				}
				return nil
			})
			if (err == nil) != (i%4 == 0 || i%4 == 3) || i%4 == 1 && !errors.Is(err, refused) {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	all.Wait()
	for i := range 40 {
		_, found, err := s.Setting(ctx, fmt.Sprint(i))
		if want := i%4 == 0 || i%4 == 3; err != nil || found != want {
			t.Errorf("setting %d found %v (%v), want %v", i, found, err, want)
		}
	}
}

func TestSubscribersAreWokenAfterTheCommit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	woken, cancel := s.Subscribe()
	write(t, s, func(tx *store.Tx) error { _, err := tx.AppendEvent(ctx, staging.Event{Type: "x"}); return err })
	<-woken
	if events, err := s.Events(ctx, store.EventFilter{}); err != nil || len(events) != 1 {
		t.Errorf("events %v, %v", events, err)
	}
	cancel()
	if _, open := <-woken; open {
		t.Error("cancel does not close")
	}
	write(t, s, func(tx *store.Tx) error { return tx.PruneEvents(ctx, 100) })
	write(t, s, func(tx *store.Tx) error {
		if seq, err := tx.AppendEvent(ctx, staging.Event{}); seq != 2 || err != nil {
			t.Errorf("after pruning the number is %d, %v; want 2", seq, err)
		}
		return nil
	})
	last, _ := s.Subscribe()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range last { // the event of before may still wake it; only Close ends it
	}
	if s.Write(ctx, func(*store.Tx) error { return nil }) == nil {
		t.Error("a closed store takes writes")
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

// TestMain is also the writer that TestKill ends without warning.
func TestMain(m *testing.M) {
	path := os.Getenv("STORE_WRITER")
	if path == "" {
		os.Exit(m.Run())
	}
	s, err := store.Open(ctx, path, quiet)
	for i := 0; err == nil; i++ {
		err = s.Write(ctx, func(tx *store.Tx) error { _, err := tx.AppendEvent(ctx, staging.Event{Type: "x"}); return err })
		fmt.Println("acknowledged")
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestKillLosesNothingThatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	acknowledged := 0
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "STORE_WRITER="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged++
			if n == 5+round*7 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		s := open(t, path)
		events, err := s.Events(ctx, store.EventFilter{Limit: 100000})
		if err != nil || len(events) < acknowledged {
			t.Fatalf("round %d: %d of %d acknowledged events are there, %v", round, len(events), acknowledged, err)
		}
		acknowledged = len(events)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s, err := store.Open(ctx, filepath.Join(b.TempDir(), "store.db"), quiet)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for b.Loop() {
		if err := s.Write(ctx, func(tx *store.Tx) error { return tx.PutSetting(ctx, "k", "v") }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLook is what is read each time that an environment is looked at.
func BenchmarkLook(b *testing.B) {
	s, err := store.Open(ctx, filepath.Join(b.TempDir(), "store.db"), quiet)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Write(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.PutProject(ctx, shop), tx.PutEnvironment(ctx, environment("env_a", "x")))
	}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Read(ctx, func(r store.Readers) error {
			_, err := r.Environment(ctx, "env_a")
			_, err2 := r.Project(ctx, "shop")
			_, err3 := r.Resources(ctx, "env_a")
			_, err4 := r.Underway(ctx, "env_a")
			return errors.Join(err, err2, err3, err4)
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestReadAnswersAsOfOneInstant(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.PutProject(ctx, shop), tx.PutEnvironment(ctx, environment("env_a", "x")))
	})
	if err := s.Read(ctx, func(r store.Readers) error {
		if _, err := r.Environment(ctx, "env_a"); err != nil {
			return err
		}
		write(t, s, func(tx *store.Tx) error {
			return tx.PutDeployment(ctx, staging.Deployment{ID: "dep_a", Environment: "env_a", StartedAt: noon})
		})
		if list, err := r.Deployments(ctx, "env_a", 1); err != nil || len(list) != 0 {
			t.Errorf("saw %v, %v", list, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
