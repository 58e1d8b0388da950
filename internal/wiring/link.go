package wiring

import (
	"context"

	"offshoot/internal/edge"
)

// linkTarget is where a link leads, in the edge's words.
func (s *server) linkTarget(ctx context.Context, link string) (edge.LinkTarget, error) {
	host, fixed, reason, err := s.control.LinkHost(ctx, link)
	return edge.LinkTarget{Host: host, URL: fixed, Reason: reason}, err
}
