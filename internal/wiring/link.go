package wiring

import (
	"context"

	"offshoot/internal/edge"
	"offshoot/internal/wire"
)

// linkTarget is where a link leads, in the edge's words.
func (s *server) linkTarget(ctx context.Context, link string) (edge.LinkTarget, error) {
	host, fixed, reason, err := s.control.LinkHost(ctx, link)
	return edge.LinkTarget{Host: host, URL: fixed, Reason: reason}, err
}

// mailCaught writes down that mail came. It is kept already: failing is only
// logged.
func (s *server) mailCaught(m wire.Mail, n int) {
	if err := s.control.MailCaught(context.Background(), m, n); err != nil {
		s.log.Warn("mail was caught", "environment", m.Environment, "error", err)
	}
}
