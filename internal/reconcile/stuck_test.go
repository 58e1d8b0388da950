package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// clinging is a platform that does not let go of scopes while it clings.
type clinging struct {
	mortalPlatform
	clings *atomic.Bool
}

func (c clinging) Delete(ctx context.Context, ref platform.Ref) error {
	if c.clings.Load() && ref.Kind == staging.ResourceScope {
		return errors.New("it has active endpoints")
	}
	return c.mortalPlatform.Delete(ctx, ref)
}

// TestWhatCannotBeRemovedIsSaid holds on the environment, with the name of the thing
// and why, while the rest is gone; and it is tried again.
func TestWhatCannotBeRemovedIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clings := &atomic.Bool{}
	clings.Store(true)
	s := w.server.Load()
	g := s.Grounds["fake"]
	g.Platform = clinging{g.Platform.(mortalPlatform), clings}
	s.Grounds["fake"] = g
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	w.destroy()
	w.until("said", func() bool { return strings.Contains(w.env().Reason, "it has active endpoints") })
	if e, rows := w.env(), w.rows(); e.Phase != staging.PhaseDestroying || !strings.Contains(e.Reason, "scope/0") || len(rows) != 1 {
		t.Errorf("%s: %s, rows %v", e.Phase, e.Reason, rows)
	}
	clings.Store(false)
	w.gone()
	if e := w.env(); e.Reason != "" {
		t.Errorf("it is still said: %s", e.Reason)
	}
}
