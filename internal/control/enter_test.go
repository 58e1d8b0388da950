package control

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"offshoot/internal/auth"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// filled is a service over a store that write has filled.
func filled(t *testing.T, write func(context.Context, *store.Tx) error) *Service {
	t.Helper()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "s.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	if err := st.Write(t.Context(), func(tx *store.Tx) error { return write(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
	return New(Config{Store: st, Work: unqueued{}, Upkeep: unhurried{}, Mail: unposted{}, Active: func(string) time.Time { return time.Time{} }, Now: time.Now})
}

// TestALinkOfANewEnvironmentIsOfItsProject holds that NAME=staging means the
// project that the link leads to before the branch has an environment.
func TestALinkOfANewEnvironmentIsOfItsProject(t *testing.T) {
	shop := staging.Project{Name: "shop", StagingBranch: "main"}
	s := filled(t, func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(tx.PutProject(ctx, shop), tx.PutProject(ctx, staging.Project{Name: "billing", StagingBranch: "main"}),
			tx.PutEnvironment(ctx, staging.Environment{ID: "env_a", Project: "shop", Branch: "main", Slug: "main", Current: "dep_a"}),
			tx.PutEnvironment(ctx, staging.Environment{ID: "env_b", Project: "billing", Branch: "main", Slug: "main"}),
			tx.PutDeployment(ctx, staging.Deployment{ID: "dep_a", Environment: "env_a", StartedAt: time.Now(),
				Stack: &staging.Stack{Links: []staging.Link{{Name: "pay", Project: "billing"}}}}))
	})
	ctx := auth.With(t.Context(), auth.Principal{Name: "ann", Role: staging.RoleAdmin})
	for _, name := range []string{"staging", "main", "billing/main"} {
		got, err := s.createLinks(ctx, shop, wire.CreateEnvironment{Branch: "new", Links: map[string]string{"pay": name}})
		if err != nil || got["pay"] != "env_b" {
			t.Errorf("pay=%s: %v, %v", name, got, err)
		}
	}
}

// TestWhatDoesNotWakeCanBeEntered holds that a service that does not come up
// keeps nobody out.
func TestWhatDoesNotWakeCanBeEntered(t *testing.T) {
	s := filled(t, func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(tx.PutProject(ctx, staging.Project{Name: "shop"}),
			tx.PutEnvironment(ctx, staging.Environment{ID: "env_a", Project: "shop", Branch: "a", Slug: "a", Awake: true, Phase: staging.PhaseWaking, Reason: "service web does not stay up"}),
			tx.PutEnvironment(ctx, staging.Environment{ID: "env_b", Project: "shop", Branch: "b", Slug: "b", Awake: true, Phase: staging.PhaseWaking}))
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.awake(ctx, "env_a"); err != nil {
		t.Error(err)
	}
	if _, err := s.awake(ctx, "env_b"); err == nil {
		t.Error("what still wakes is not waited for")
	}
}
