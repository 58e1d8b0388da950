package control

import (
	"context"
	"fmt"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// service is what a service's instances do now. Its state is the best of
// theirs: one that runs can serve.
func (s *Service) service(ctx context.Context, env staging.Environment, d staging.Deployment, x staging.Service) wire.Service {
	now := d.Options
	now.Scale = env.Desired.Scale
	w := wire.Service{Name: x.Name, State: "stopped", Replicas: now.Replicas(d.Stack, x)}
	if x.Schedule != "" {
		w.State, w.Schedule, w.Enabled = "scheduled", x.Schedule, CronOn(env, x)
		return w
	}
	if env.Phase == staging.PhaseDestroyed || env.Phase == staging.PhaseAsleep {
		return w
	}
	for i := range w.Replicas {
		o, err := s.Platform.Observe(ctx, platform.Ref{Kind: staging.ResourceWorkload, Owner: env.ID,
			Name: plan.Name(env.ID, staging.ResourceWorkload, fmt.Sprintf("%s.%s.%d", x.Name, d.ID, i))})
		if err != nil || o.Presence != staging.Present || o.Run == staging.RunNone {
			continue
		}
		if o.Run == staging.RunRunning {
			w.Running++
		}
		if w.State == "stopped" || o.Run == staging.RunRunning {
			w.State = string(o.Run)
		}
	}
	return w
}
