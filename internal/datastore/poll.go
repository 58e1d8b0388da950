package datastore

import (
	"context"
	"fmt"
	"time"
)

// The pace of waiting for a server that says nothing when it is ready.
const (
	firstPause = time.Millisecond
	maxPause   = 50 * time.Millisecond
)

// Poll asks until ask succeeds, every millisecond at first, then less often: an
// answer is at most a tenth late. When ctx ends the error says what was last heard.
func Poll(ctx context.Context, ask func(context.Context) error) error {
	begin := time.Now()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		timer := time.NewTimer(min(max(firstPause, time.Since(begin)/10), maxPause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-timer.C:
		}
	}
}
