package control

import (
	"context"
	"maps"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// maxReplicas bounds what one service is scaled to on one server.
const maxReplicas = 50

// Scale sets how many instances of services run. It needs no deployment.
func (s *Service) Scale(ctx context.Context, actor, id string, wanted map[string]int) (wire.Environment, error) {
	env, err := s.live(ctx, id)
	if err != nil {
		return wire.Environment{}, err
	}
	if len(wanted) == 0 {
		return wire.Environment{}, staging.Errorf(staging.CodeUsage, "offshoot scale ENV SERVICE=N", "no service is named")
	}
	if env.Deployed.Deployment == "" {
		return wire.Environment{}, staging.Refused("offshoot create "+env.Branch, "nothing is deployed in %s", env.Slug)
	}
	dep, err := s.Store.Deployment(ctx, env.Deployed.Deployment)
	if err != nil {
		return wire.Environment{}, err
	}
	for name, n := range wanted {
		if err := scalable(dep.Stack, name, n); err != nil {
			return wire.Environment{}, err
		}
	}
	return s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		scale := maps.Clone(env.Desired.Scale)
		if scale == nil {
			scale = map[string]int{}
		}
		maps.Copy(scale, wanted)
		env.Desired.Scale, env.LastActivityAt = scale, s.Now()
		if err := t.PutEnvironment(ctx, env); err != nil {
			return err
		}
		return s.event(ctx, t, env, actor, "environment.scaled", env.Branch+" was scaled", map[string]any{"scale": wanted})
	})
}

func scalable(stack *staging.Stack, name string, n int) error {
	x, ok := stack.Service(name)
	switch {
	case n < 0:
		return staging.Errorf(staging.CodeUsage, "0 or more", "%s=%d", name, n)
	case n > maxReplicas:
		return staging.Errorf(staging.CodeLimit, "ask for less", "%s=%d: a service has %d instances at most", name, n, maxReplicas)
	case ok && x.Schedule != "":
		return staging.Refused("offshoot cron run ENV "+name, "%s is a cron job: it runs when its time comes", name)
	case ok:
		return nil
	}
	if _, data := stack.Datastore(name); data {
		return staging.Refused("offshoot show lists the services that scale", "%s is a datastore: it has one server", name)
	}
	return staging.NotFound("offshoot show lists the services", "there is no service %q", name)
}
