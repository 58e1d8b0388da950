package control

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

// TestWhatIsOldIsForgotten holds what a month leaves: of who was destroyed
// nothing, of the others the last deployments, what serves and what runs.
func TestWhatIsOldIsForgotten(t *testing.T) {
	ctx := t.Context()
	st, err := store.Open(ctx, filepath.Join(t.TempDir(), "s.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	s := New(Config{Store: st})
	now := time.Now().UTC()
	old, limit := now.Add(-40*24*time.Hour), now.Add(-30*24*time.Hour)
	deployment := func(env string, n int, at time.Time) staging.Deployment {
		return staging.Deployment{ID: fmt.Sprintf("dep_%s_%03d", env, n), Environment: env, Generation: int64(n), Outcome: staging.OutcomeSucceeded, StartedAt: at}
	}
	if err := st.Write(ctx, func(t *store.Tx) error {
		if err := t.PutProject(ctx, staging.Project{Name: "shop"}); err != nil {
			return err
		}
		for _, e := range []staging.Environment{
			{ID: "env_gone", Phase: staging.PhaseDestroyed, DeleteRequestedAt: old, DestroyedAt: old},
			{ID: "env_just", Phase: staging.PhaseDestroyed, DeleteRequestedAt: now, DestroyedAt: now},
			{ID: "env_old", Phase: staging.PhaseReady, Current: "dep_old_100", Deployed: staging.Deployed{Deployment: "dep_old_003"}},
			{ID: "env_busy", Phase: staging.PhaseReady},
		} {
			e.Project, e.Branch, e.Slug, e.CreatedAt = "shop", e.ID, e.ID[4:], old
			if err := t.PutEnvironment(ctx, e); err != nil {
				return err
			}
			for n := 1; n <= 100; n++ {
				d := deployment(e.ID[4:], n, old)
				d.Environment = e.ID
				if e.ID == "env_busy" {
					d.StartedAt = now
				}
				if d.ID == "dep_old_002" {
					d.Outcome = staging.OutcomeRunning
				}
				if err := t.PutDeployment(ctx, d); err != nil {
					return err
				}
			}
		}
		for i := range 2500 {
			at := old
			if i >= 2300 {
				at = now
			}
			if _, err := t.AppendEvent(ctx, staging.Event{At: at, Type: "x", Message: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		if err := s.Prune(ctx, limit); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.Environment(ctx, "env_gone"); staging.CodeOf(err) != staging.CodeNotFound {
		t.Errorf("who was destroyed long ago: %v", err)
	}
	count := func(env string) int {
		list, err := st.Deployments(ctx, env, -1)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for env, want := range map[string]int{"env_gone": 0, "env_just": 100, "env_old": keptDeployments + 2, "env_busy": 100} {
		if got := count(env); got != want {
			t.Errorf("%s has %d deployments, want %d", env, got, want)
		}
	}
	list, err := st.Deployments(ctx, "env_old", 1000)
	for _, id := range []string{"dep_old_100", "dep_old_051", "dep_old_003", "dep_old_002"} {
		if err != nil || !slices.ContainsFunc(list, func(d staging.Deployment) bool { return d.ID == id }) {
			t.Errorf("%s is forgotten, %v", id, err)
		}
	}
	events, err := st.Events(ctx, store.EventFilter{Limit: 5000})
	if err != nil || len(events) != 200 || events[0].Message != "2300" {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// TestThereAreNeverTooManyEvents holds that the oldest go also where all are new.
func TestThereAreNeverTooManyEvents(t *testing.T) {
	ctx := t.Context()
	st, err := store.Open(ctx, filepath.Join(t.TempDir(), "s.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	s := New(Config{Store: st})
	now := time.Now().UTC()
	if err := st.Write(ctx, func(t *store.Tx) error {
		for range 1500 {
			if _, err := t.AppendEvent(ctx, staging.Event{At: now, Type: "x"}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.pruneEvents(ctx, now.Add(-time.Hour), 200); err != nil {
		t.Fatal(err)
	}
	events, err := st.Events(ctx, store.EventFilter{Limit: 5000})
	if err != nil || len(events) != 200 || events[199].Seq != 1500 {
		t.Errorf("%d events, %v", len(events), err)
	}
}
