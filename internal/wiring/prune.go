package wiring

import (
	"context"
	"fmt"
	"time"
)

const (
	// firstPrune is how long after its start a server looks for what builds
	// left that nobody needs, pruneEvery how often from then on.
	firstPrune = 10 * time.Minute
	pruneEvery = 24 * time.Hour
)

// prune lets go of what builds left, once a day.
func (s *server) prune(ctx context.Context) {
	timer := time.NewTimer(firstPrune)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if err := s.pruneBuilds(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("prune what builds left", "error", err)
		}
		timer.Reset(pruneEvery)
	}
}

// pruneBuilds keeps every artifact that a deployment which serves, or is the
// latest, runs from.
func (s *server) pruneBuilds(ctx context.Context) error {
	live, err := memories{s.store}.Live(ctx)
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, e := range live {
		for _, id := range []string{e.Current, e.Deployed.Deployment} {
			if id == "" {
				continue
			}
			d, err := s.store.Deployment(ctx, id)
			if err != nil {
				return fmt.Errorf("deployment %s: %w", id, err) // what it runs from is not known
			}
			keep[d.Progress.Artifact] = true
		}
	}
	return s.processes.Prune(ctx, keep)
}
