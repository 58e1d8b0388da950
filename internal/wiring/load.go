package wiring

import (
	"context"

	"offshoot/internal/edge"
	"offshoot/internal/staging"
	"offshoot/internal/store"
)

// load fills the edge's table and takes up what an earlier server left. What
// ran is held until it is seen to answer.
func (s *server) load(ctx context.Context) error {
	all, err := s.store.Projects(ctx)
	if err != nil {
		return err
	}
	if err := rebooted(ctx, s.store, bootID()); err != nil {
		return err
	}
	if err := s.engine.RecoverSnapshots(ctx, all); err != nil {
		return err
	}
	var routes []edge.Route
	var kick []string
	projects := map[string]staging.Project{}
	for _, p := range all {
		projects[p.Name] = p
	}
	for e, err := range s.store.EveryEnvironment(ctx, store.EnvironmentFilter{}) {
		if err != nil {
			return err
		}
		if r, ok, err := s.held(ctx, projects[e.Project], e); err != nil {
			return err
		} else if ok {
			routes = append(routes, r)
		}
		if e.Awake || e.Phase != staging.PhaseAsleep || !e.DeleteRequestedAt.IsZero() {
			if err := s.engine.Thaw(ctx, e.ID); err != nil {
				s.log.Error("what was paused goes on", "environment", e.ID, "error", err)
			}
			kick = append(kick, e.ID)
		} else if e.AsleepBy == staging.AsleepIdle && s.engine.Rests(e) {
			kick = append(kick, e.ID) // what ran into its sleep rests again
		}
	}
	s.edge.Load(routes)
	s.loaded.Store(true)
	for _, id := range kick {
		s.engine.Kick(id)
	}
	return nil
}

// held is the route of an environment that was not looked at yet.
func (s *server) held(ctx context.Context, p staging.Project, e staging.Environment) (edge.Route, bool, error) {
	if !e.DeleteRequestedAt.IsZero() || e.After != "" && e.Deployed.Deployment == "" {
		return edge.Route{}, false, nil
	}
	r := edge.Route{Environment: e.ID, Phase: e.Phase, Hosts: map[string]edge.Target{}}
	var stack *staging.Stack
	if e.Deployed.Deployment != "" {
		d, err := s.store.Deployment(ctx, e.Deployed.Deployment)
		if err != nil {
			return edge.Route{}, false, err
		}
		r.Holding, stack = true, d.Stack
	}
	for host, service := range s.site.Hosts(p, e, stack) {
		r.Hosts[host] = edge.Target{Service: service}
	}
	return r, true, nil
}
