package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

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
	for e, err := range s.EveryEnvironment(ctx, store.EnvironmentFilter{}) {
		t.Errorf("%q is left, %v", e.ID, err)
	}
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
