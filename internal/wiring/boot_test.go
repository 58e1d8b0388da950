package wiring

import (
	"log/slog"
	"path/filepath"
	"testing"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

func TestAfterAHostsRebootAllButSharedCountAsAsleep(t *testing.T) {
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	awake := func(want map[string]bool) {
		t.Helper()
		for id, w := range want {
			if e, err := db.Environment(ctx, id); err != nil || e.Awake != w {
				t.Errorf("%s is awake: %t %v", id, e.Awake, err)
			}
		}
	}
	err = db.Write(ctx, func(tx *store.Tx) error {
		if err := tx.PutProject(ctx, staging.Project{Name: "shop"}); err != nil {
			return err
		}
		for _, e := range []staging.Environment{{ID: "env_shared", Kind: staging.KindShared, Phase: staging.PhaseReady}, {ID: "env_a", Kind: staging.KindBranch, Phase: staging.PhaseReady},
			{ID: "env_b", Kind: staging.KindBranch, Phase: staging.PhaseDeploying}} {
			e.Project, e.Slug, e.Branch, e.Awake = "shop", e.ID, e.ID, true
			if err := tx.PutEnvironment(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, boot := range []string{"one", "one"} { // the first start, and a restart of the server
		if err := rebooted(ctx, db, boot); err != nil {
			t.Fatal(err)
		}
		awake(map[string]bool{"env_shared": true, "env_a": true, "env_b": true})
	}
	if err := rebooted(ctx, db, "two"); err != nil {
		t.Fatal(err)
	}
	awake(map[string]bool{"env_shared": true, "env_a": false, "env_b": true})
}
