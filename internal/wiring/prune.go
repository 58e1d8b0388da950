package wiring

import (
	"context"
	"errors"
	"fmt"
)

// tidy lets go of what builds and fetches left that nobody needs.
func (s *server) tidy(ctx context.Context) error {
	return errors.Join(s.pruneBuilds(ctx), s.control.Source.Tidy(ctx))
}

// pruneBuilds keeps every artifact that a deployment which serves, or is the
// latest, runs from.
func (s *server) pruneBuilds(ctx context.Context) error {
	for _, clusters := range s.clusters {
		clusters.TrimSpares()
	}
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
			for _, image := range d.Progress.Images {
				keep[image.Run] = true
			}
		}
	}
	return errors.Join(s.processes.Prune(ctx, keep), s.docker.Prune(ctx, keep), s.images.prune(ctx, keep))
}
