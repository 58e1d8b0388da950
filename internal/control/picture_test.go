package control

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
	"offshoot/internal/store"
)

// unqueued is work of which nothing waits.
type unqueued struct{ Work }

func (unqueued) Queue() (waiting []reconcile.Waiting, running, slots int) { return nil, 0, 0 }

// unhurried is upkeep under which nothing expires.
type unhurried struct{ Upkeep }

func (unhurried) Expires(staging.Project, staging.Environment) time.Time { return time.Time{} }

// TestAnEnvironmentIsShownAsOfOneInstant holds that who waits for a deployment
// and is told that it succeeded sees the revision that it brought.
func TestAnEnvironmentIsShownAsOfOneInstant(t *testing.T) {
	ctx := t.Context()
	st, err := store.Open(ctx, filepath.Join(t.TempDir(), "s.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	s := New(Config{Store: st, Work: unqueued{}, Upkeep: unhurried{}, Mail: unposted{}, Active: func(string) time.Time { return time.Time{} }, Now: time.Now})
	put := func(phase staging.Phase, deployed string, outcome staging.Outcome) error {
		return st.Write(ctx, func(t *store.Tx) error {
			return errors.Join(
				t.PutEnvironment(ctx, staging.Environment{ID: "env_a", Project: "shop", Branch: "a", Slug: "a", Phase: phase, Current: "dep_a", Deployed: staging.Deployed{Revision: deployed}}),
				t.PutDeployment(ctx, staging.Deployment{ID: "dep_a", Environment: "env_a", Outcome: outcome, StartedAt: time.Now()}))
		})
	}
	if err := st.Write(ctx, func(t *store.Tx) error { return t.PutProject(ctx, staging.Project{Name: "shop"}) }); err != nil {
		t.Fatal(err)
	}
	if err := put(staging.PhaseDeploying, "", staging.OutcomeRunning); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 500 && err == nil; i++ {
			err = errors.Join(put(staging.PhaseReady, "sha", staging.OutcomeSucceeded), put(staging.PhaseDeploying, "", staging.OutcomeRunning))
		}
		done <- err
	}()
	for {
		v, err := s.Environment(ctx, "env_a")
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.Environments(ctx, "shop", false, "", 10)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		for _, v := range append(list, v) {
			if (v.Deployment.Outcome == "succeeded") != (v.Revision.Deployed != nil) {
				t.Fatalf("phase %s, deployed %v, outcome %s", v.Phase, v.Revision.Deployed, v.Deployment.Outcome)
			}
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

// unposted is where no mail is.
type unposted struct{ Mail }

func (unposted) Count(string) (int, error) { return 0, nil }
