package reconcile

import (
	"context"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// RemoveSnapshot deletes a snapshot that nothing uses: no environment's data is
// a clone of it, now or soon.
func (e *Engine) RemoveSnapshot(ctx context.Context, id string) error {
	err := e.Store.Write(ctx, func(w Writer) error {
		s, err := w.Snapshot(ctx, id)
		if err != nil {
			return err
		}
		if s.State == staging.SnapshotTaking || s.State == staging.SnapshotVerifying {
			return staging.Errorf(staging.CodeConflict, "wait until it is ready", "snapshot %s is being taken", id)
		}
		users, err := SnapshotUsers(ctx, w)
		if err != nil {
			return err
		}
		if len(users[id]) > 0 {
			return staging.Refused("reset or destroy them first", "snapshot %s is used by %s", id, strings.Join(users[id], ", "))
		}
		return w.DeleteSnapshot(ctx, id)
	})
	if err != nil {
		return err
	}
	return e.dropSnapshot(ctx, id)
}

// Ledger finds rows by what they stand for.
type Ledger interface {
	ResourcesByKind(ctx context.Context, kind staging.ResourceKind) ([]staging.Resource, error)
}

// SnapshotUsers are the environments whose data is a clone of each snapshot,
// also those that are about to be.
func SnapshotUsers(ctx context.Context, l Ledger) (map[string][]string, error) {
	rows, err := l.ResourcesByKind(ctx, staging.ResourceClone)
	users := map[string][]string{}
	for _, row := range rows {
		if o, ok := originOf(row); ok && o.Snapshot != "" && !slices.Contains(users[o.Snapshot], row.Owner) {
			users[o.Snapshot] = append(users[o.Snapshot], row.Owner)
		}
	}
	return users, err
}
