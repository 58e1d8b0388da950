package datastore

import (
	"context"
	"time"
)

// The pace of waiting for a server that says nothing when it is ready.
const (
	firstPause = time.Millisecond
	maxPause   = 50 * time.Millisecond
)

// Poll asks until ask succeeds, every millisecond at first, then less often: an
// answer is at most a thirtieth late. When ctx ends the error is ctx's, and says
// what was last heard.
func Poll(ctx context.Context, ask func(context.Context) error) error {
	begin := time.Now()
	var heard error
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if heard == nil || ctx.Err() == nil { // cut off, it says only that
			heard = err
		}
		timer := time.NewTimer(min(max(firstPause, time.Since(begin)/30), maxPause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return &ended{context.Cause(ctx), heard}
		case <-timer.C:
		}
	}
}

// ended is why waiting ended, in the words of what was waited for.
type ended struct{ cause, heard error }

func (e *ended) Error() string { return e.heard.Error() }

func (e *ended) Unwrap() []error { return []error{e.cause, e.heard} }
