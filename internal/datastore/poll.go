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

// Poll asks until ask succeeds, first after a millisecond, then less and less
// often. When ctx ends the error says what was last heard.
func Poll(ctx context.Context, ask func(context.Context) error) error {
	pause := firstPause
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-timer.C:
		}
		pause = min(pause*3/2, maxPause)
	}
}
