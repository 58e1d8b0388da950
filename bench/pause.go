package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// pausedMB is how much data the copies of a paused instant are made of.
const pausedMB = 1000

// pause measures how long requests are held while a snapshot, then a mark, of
// much data is made: the longest request of a steady stream that writes.
func pause(ctx context.Context, h *host, r *report) error {
	repo, err := h.repository(ctx, "large", func(s string) string { return strings.ReplaceAll(s, "${FILL_MB:-100}", fmt.Sprint(pausedMB)) })
	if err != nil {
		return err
	}
	s, err := h.serve()
	if err != nil {
		return err
	}
	if _, err := s.AddProject(ctx, wire.AddProject{Name: "large", Repo: repo}); err != nil {
		return err
	}
	shared, _, err := s.create(ctx, "large", "main")
	if err != nil {
		return err
	}
	var snapshot, mark, usual []float64
	for range h.runs {
		held, median, err := during(ctx, s, shared, func() error { return s.snapshot(ctx, "large") })
		if err != nil {
			return err
		}
		snapshot, usual = append(snapshot, held), append(usual, median)
		held, _, err = during(ctx, s, shared, func() error {
			_, err := s.act(ctx, shared.ID, "deploy", wire.Deploy{Force: true}, succeeded)
			return err
		})
		if err != nil {
			return err
		}
		mark = append(mark, held)
	}
	r.add("longest request during a snapshot of 1 GB", "ms", snapshot).under(150).against("the usual one", usual)
	r.add("longest request during a redeploy with a mark of 1 GB", "ms", mark).under(150).against("the usual one", usual)
	if _, err := s.destroy(ctx, shared); err != nil {
		return err
	}
	return s.stop()
}

// snapshot takes one of the shared environment and waits until it is proved.
func (s *server) snapshot(ctx context.Context, project string) error {
	v, err := s.TakeSnapshot(ctx, project, wire.TakeSnapshot{})
	for err == nil && v.State != string(staging.SnapshotReady) {
		if v.State == string(staging.SnapshotFailed) {
			return errors.New(v.Failure.Message)
		}
		tick := time.NewTimer(20 * time.Millisecond)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		v, err = s.Snapshot(ctx, v.ID)
	}
	return err
}

// during answers the longest and the median request, in milliseconds, of a
// stream that goes on while do runs.
func during(ctx context.Context, s *server, v wire.Environment, do func() error) (longest, usual float64, err error) {
	const streams = 2
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	var mu sync.Mutex
	var took []float64
	var failed error
	for range streams {
		all.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				d, err := s.get(ctx, v, "/visit")
				mu.Lock()
				if err != nil && ctx.Err() == nil {
					failed = err
				} else if err == nil {
					took = append(took, ms(d))
				}
				mu.Unlock()
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	err = do()
	stop()
	all.Wait()
	if err = errors.Join(err, failed); err == nil && len(took) == 0 {
		err = errors.New("no request was answered")
	}
	for _, t := range took {
		longest = max(longest, t)
	}
	return longest, median(took), err
}
