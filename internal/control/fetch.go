package control

import (
	"context"

	"offshoot/internal/source"
	"offshoot/internal/staging"
)

// fetch brings a project's mirror up to date, with its credential.
func (s *Service) fetch(ctx context.Context, p staging.Project) error {
	c, err := s.credential(ctx, p.Name)
	if err != nil {
		return err
	}
	return s.fetchWith(ctx, p, c)
}

func (s *Service) fetchWith(ctx context.Context, p staging.Project, c *source.Credential) error {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	return s.Source.Fetch(ctx, source.Repository{Project: p.Name, Remote: p.Repo, Credential: c})
}
