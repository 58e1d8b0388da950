package control

import (
	"context"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// Environment is one environment as everyone sees it.
func (s *Service) Environment(ctx context.Context, id string) (wire.Environment, error) {
	p, err := s.picture(ctx, id)
	if err != nil {
		return wire.Environment{}, err
	}
	return s.view(ctx, p, true)
}

// view shows an environment; live measures what takes some milliseconds.
func (s *Service) view(ctx context.Context, p picture, live bool) (wire.Environment, error) {
	env := p.env
	if at := s.Active(env.ID); at.After(env.LastActivityAt) && env.DestroyedAt.IsZero() {
		env.LastActivityAt = at
	}
	v := wire.Environment{ID: env.ID, Project: env.Project, Branch: env.Branch, Ref: env.Ref, Slug: env.Slug, Kind: string(env.Kind), Phase: string(env.Phase),
		Reason: env.Reason, Awake: env.Awake, URL: s.Site.PrimaryURL(p.project, env), URLs: map[string]string{}, Revision: wire.Revision{Desired: env.Desired.Revision},
		Generation: env.Generation, Pinned: env.Pinned, Size: env.Desired.Size, Platform: env.Platform, CreatedAt: env.CreatedAt, CreatedBy: env.CreatedBy,
		LastActivityAt: env.LastActivityAt, Services: []wire.Service{}, Data: []wire.Data{}, Links: []wire.Link{}, Notes: []staging.Note{}}
	if why := s.waitsFor(env); why != "" {
		v.Reason = why
	}
	if v.Size == "" {
		v.Size = staging.DefaultSize
	}
	if env.Deployed.Revision != "" && env.DeleteRequestedAt.IsZero() {
		v.Revision.Deployed = &env.Deployed.Revision
	}
	if !env.DestroyedAt.IsZero() {
		v.DestroyedAt = &env.DestroyedAt
	}
	if at := s.Upkeep.Expires(p.project, env); !at.IsZero() {
		v.ExpiresAt = &at
	}
	stack := s.describe(ctx, p, &v, live)
	v.URLs = s.Site.URLs(p.project, env, stack)
	var err error
	if v.Links, err = s.linkViews(ctx, env, stack); err != nil || !live {
		return v, err
	}
	caught, err := s.Mail.Count(env.ID)
	v.MailCount, v.Blocked = &caught, s.blocked(ctx, env)
	return v, err
}

// describe adds the latest deployment, and what serves.
func (s *Service) describe(ctx context.Context, p picture, v *wire.Environment, live bool) *staging.Stack {
	var stack *staging.Stack
	if d := p.latest; d != nil {
		v.Revision.Message, v.Revision.Author, v.Revision.Joined = d.Revision.Message, d.Revision.Author, d.Revision.Joined
		if !d.Revision.CommittedAt.IsZero() {
			v.Revision.CommittedAt = &d.Revision.CommittedAt
		}
		w := deployment(*d)
		v.Phase = string(phaseWith(p.env.Phase, d.Outcome))
		v.Deployment, v.Failure, stack = &w, d.Failure, d.Stack
		if d.Notes != nil {
			v.Notes = d.Notes
		}
	}
	d := p.serving
	if d == nil {
		v.Data = s.dataOf(ctx, p.env, p.latest, live)
		return stack
	}
	v.Data = s.dataOf(ctx, p.env, d, live)
	if d.Stack == nil {
		return stack
	}
	for _, x := range d.Stack.Services {
		v.Services = append(v.Services, s.service(ctx, p.env, *d, x, p.ledger))
	}
	return d.Stack
}

// phaseWith is an environment's phase with its latest deployment. What rests
// says so until its actor looks at what was accepted: who asks meanwhile must
// not take that for the end of it.
func phaseWith(kept staging.Phase, latest staging.Outcome) staging.Phase {
	if latest != staging.OutcomeRunning {
		return kept
	}
	switch kept {
	case staging.PhaseReady, staging.PhaseDegraded, staging.PhaseAsleep, staging.PhaseFailed:
		return staging.PhaseDeploying
	}
	return kept
}

func deployment(d staging.Deployment) wire.Deployment {
	w := wire.Deployment{ID: d.ID, Outcome: string(d.Outcome), Generation: d.Generation, Revision: d.Revision.ID, Cause: d.Cause, StartedAt: d.StartedAt,
		Steps: []wire.Step{}, Successor: d.Successor, Failure: d.Failure}
	end := time.Now()
	if !d.FinishedAt.IsZero() {
		end = d.FinishedAt
		w.FinishedAt = &end
	}
	w.TotalMS, w.MarkMS = end.Sub(d.StartedAt).Milliseconds(), d.Progress.MarkMS
	for name, x := range d.Progress.Images {
		if w.Images == nil {
			w.Images = map[string]wire.Image{}
		}
		w.Images[name] = wire.Image{Ref: x.Ref, Digest: x.Digest}
	}
	for _, s := range d.Steps {
		w.Steps = append(w.Steps, wire.Step{Name: string(s.Name), State: string(s.State), DurationMS: s.DurationMS, Detail: s.Detail})
	}
	return w
}

// Environments are those of a project, "" for all; destroyed ones too if asked.
func (s *Service) Environments(ctx context.Context, project string, all bool, after string, limit int) ([]wire.Environment, error) {
	if project != "" {
		if _, err := s.Store.Project(ctx, project); err != nil {
			return nil, noProject(err)
		}
	}
	if after != "" {
		_, err := s.Store.Environment(ctx, after)
		if staging.CodeOf(err) == staging.CodeNotFound {
			return nil, staging.Errorf(staging.CodeUsage, "begin again without cursor", "there is no environment %q to go on after", after)
		}
		if err != nil {
			return nil, err
		}
	}
	var list []picture
	if err := s.Store.Read(ctx, func(r store.Readers) error {
		page, err := r.Environments(ctx, store.EnvironmentFilter{Project: project, Destroyed: all, After: after, Limit: limit})
		for i := 0; i < len(page) && err == nil; i++ {
			var p picture
			p, err = around(ctx, r, page[i])
			list = append(list, p)
		}
		return err
	}); err != nil {
		return nil, err
	}
	items := make([]wire.Environment, 0, len(list))
	for _, p := range list {
		v, err := s.view(ctx, p, false)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, nil
}

// Resources is the ledger of an environment.
func (s *Service) Resources(ctx context.Context, id string) ([]wire.Resource, error) {
	if _, err := s.Store.Environment(ctx, id); err != nil {
		return nil, err
	}
	rows, err := s.Store.Resources(ctx, id)
	items := make([]wire.Resource, len(rows))
	for i, r := range rows {
		items[i] = wire.Resource{Kind: string(r.Kind), Name: r.Name, State: string(r.State), Reason: r.DeleteReason}
	}
	return items, err
}

// Deployments are the latest, newest first, all that are kept where limit is
// negative.
func (s *Service) Deployments(ctx context.Context, id string, limit int) ([]wire.Deployment, error) {
	if _, err := s.Store.Environment(ctx, id); err != nil {
		return nil, err
	}
	list, err := s.Store.Deployments(ctx, id, limit)
	items := make([]wire.Deployment, len(list))
	for i, d := range list {
		items[i] = deployment(d)
	}
	return items, err
}

// Events are a page after a number; it waits up to patience for the first.
func (s *Service) Events(ctx context.Context, f store.EventFilter, patience time.Duration) ([]staging.Event, error) {
	woken, cancel := s.Store.Subscribe()
	defer cancel()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		list, err := s.Store.Events(ctx, f)
		if err != nil || len(list) > 0 || patience <= 0 {
			return list, err
		}
		select {
		case _, open := <-woken:
			if !open {
				return nil, nil
			}
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
