package control

import (
	"context"
	"time"

	"offshoot/internal/store"
)

// Prune forgets environments, with their history, that were destroyed before
// that time.
func (s *Service) Prune(ctx context.Context, before time.Time) error {
	after := ""
	for {
		page, err := s.Store.Environments(ctx, store.EnvironmentFilter{Destroyed: true, After: after})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			after = e.ID
			if e.DestroyedAt.IsZero() || !e.DestroyedAt.Before(before) {
				continue
			}
			if err := s.Store.Write(ctx, func(t *store.Tx) error { return t.DeleteEnvironment(ctx, e.ID) }); err != nil {
				return err
			}
		}
	}
}
