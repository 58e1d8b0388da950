package upkeep

import (
	"context"
	"time"
)

const (
	// keepHistory is how long what is known of a destroyed environment is kept.
	keepHistory = 30 * 24 * time.Hour
	pruneEvery  = 24 * time.Hour
)

// history forgets what was destroyed long ago.
func (s *Service) history(ctx context.Context) (time.Time, error) {
	now := s.Now()
	return now.Add(pruneEvery), s.Prune(ctx, now.Add(-keepHistory))
}
