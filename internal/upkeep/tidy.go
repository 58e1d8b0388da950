package upkeep

import (
	"context"
	"time"
)

const (
	// tidyFirst is how long after its start a server looks for what builds left
	// that nobody needs, tidyEvery how often from then on, tidySoon how often
	// at most where the disk is nearly full.
	tidyFirst = 10 * time.Minute
	tidyEvery = 24 * time.Hour
	tidySoon  = 10 * time.Minute
)

// tidy lets go of what builds left, once a day.
func (s *Service) tidy(ctx context.Context) (time.Time, error) {
	return s.Now().Add(tidyEvery), s.Tidy(ctx)
}
