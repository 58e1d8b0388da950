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
	if err := s.Source.Fetch(ctx, source.Repository{Project: p.Name, Remote: p.Repo, Credential: c}); err != nil {
		return err
	}
	return s.fetchJoined(ctx, p, c)
}

// Repository is what a project allows of its repository, with its credential.
func (s *Service) Repository(ctx context.Context, project string) (source.Repository, error) {
	p, err := s.Store.Project(ctx, project)
	if err != nil {
		return source.Repository{}, err
	}
	c, err := s.credential(ctx, project)
	r := source.Repository{Project: p.Name, Remote: p.Repo, Credential: c, Submodules: p.Policy.Submodules, LFS: p.Policy.LFS}
	for _, j := range p.Policy.Joined {
		r.Joined = append(r.Joined, j.Folder)
	}
	return r, err
}
