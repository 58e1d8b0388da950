package reconcile

import (
	"context"
	"errors"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Rests is whether what sleeps of an environment rests for a while.
func (e *Engine) Rests(env staging.Environment) bool {
	on, err := e.ground(env)
	if err != nil {
		return false
	}
	_, ok := on.Platform.(platform.Rester)
	return ok
}

var errNoRest = errors.New("the platform lets nothing rest")

// rest lets all that runs of an environment stand still, if it is still to sleep.
func (a *actor) rest(ctx context.Context, v *view) error {
	rester, ok := a.Platform.(platform.Rester)
	if !ok {
		return errNoRest
	}
	if err := a.Store.Read(ctx, func(r Reader) error {
		env, err := r.Environment(ctx, a.id)
		if err == nil && env.Awake {
			err = errStale
		}
		return err
	}); err != nil {
		return err
	}
	return rester.Rest(ctx, a.id, names(v))
}

// goOn lets it go on.
func (a *actor) goOn(ctx context.Context, v *view) error {
	pauser, ok := a.Platform.(platform.Pauser)
	if !ok {
		return errNoRest
	}
	return pauser.Resume(ctx, a.id, names(v))
}

// names are those of the workloads of an environment. Tasks end in their sleep.
func names(v *view) []string {
	var list []string
	for _, row := range v.Ledger {
		if row.Kind == staging.ResourceWorkload {
			list = append(list, row.Name)
		}
	}
	return list
}
