package control

import (
	"context"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

// picture is an environment with what is remembered of it, all as of one
// instant: put together from several, it would show a deployment that succeeded
// beside a revision that it has not brought yet.
type picture struct {
	env     staging.Environment
	project staging.Project
	// latest is the newest deployment, serving the one that is served; nil for
	// none.
	latest, serving *staging.Deployment
	ledger          []staging.Resource
}

// picture is taken of an environment as it is stored.
func (s *Service) picture(ctx context.Context, id string) (picture, error) {
	var p picture
	err := s.Store.Read(ctx, func(r store.Readers) error {
		env, err := r.Environment(ctx, id)
		if err == nil {
			p, err = around(ctx, r, env)
		}
		return err
	})
	return p, err
}

// around is an environment, as stored or as it would be, with what is
// remembered of it.
func around(ctx context.Context, r store.Readers, env staging.Environment) (picture, error) {
	p := picture{env: env}
	var err error
	if p.project, err = r.Project(ctx, env.Project); err != nil {
		return p, err
	}
	if env.Current != "" {
		d, err := r.Deployment(ctx, env.Current)
		if err != nil {
			return p, err
		}
		p.latest = &d
	}
	if env.Deployed.Deployment == "" {
		return p, nil
	}
	d, err := r.Deployment(ctx, env.Deployed.Deployment)
	if err != nil {
		return p, err
	}
	p.serving = &d
	p.ledger, err = r.Resources(ctx, env.ID)
	return p, err
}
