package reconcile

import (
	"context"
	"slices"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// view is one observation of an environment: the planner's input, and what the
// executor needs besides.
type view struct {
	plan.Input
	project staging.Project
}

func (v *view) deployment(id string) *staging.Deployment {
	for _, d := range []*staging.Deployment{v.Current, v.Serving} {
		if d != nil && d.ID == id {
			return d
		}
	}
	return nil
}

func (v *view) row(name string) (staging.Resource, bool) {
	i := slices.IndexFunc(v.Ledger, func(r staging.Resource) bool { return r.Name == name })
	if i < 0 {
		return staging.Resource{}, false
	}
	return v.Ledger[i], true
}

// observe reads what is wanted and looks at everything that the ledger names.
func (a *actor) observe(ctx context.Context) (*view, error) {
	env, err := a.Store.Environment(ctx, a.id)
	if err != nil {
		return nil, err
	}
	v := &view{Input: plan.Input{Now: a.Now(), Environment: env, Observed: map[string]staging.Observation{}, Ready: map[string]bool{}}}
	if v.project, err = a.Store.Project(ctx, env.Project); err != nil {
		return nil, err
	}
	if err := a.deployments(ctx, v); err != nil {
		return nil, err
	}
	if v.Ledger, err = a.Store.Resources(ctx, env.ID); err != nil {
		return nil, err
	}
	for _, row := range v.Ledger {
		o := a.look(ctx, row)
		v.Observed[row.Name] = o
		live := o.Run == staging.RunRunning || o.Run == staging.RunRestarting || o.Run == staging.RunFailing
		if row.Kind == staging.ResourceWorkload && a.isReady(row.Name) && live {
			v.Ready[row.Name] = true
		}
	}
	v.Empty = v.Current == nil || v.Current.Stack == nil || !slices.ContainsFunc(origins(v.Ledger, v.Current), func(d staging.DataOrigin) bool { return !d.Empty && d.Kind != "redis" })
	v.Sessions = a.Sessions(env.ID)
	v.Holding = a.Edge.Holding(env.ID)
	v.Drained = v.Current != nil && a.mem.drained == v.Current.ID
	if env.After != "" {
		before, err := a.Store.Environment(ctx, env.After)
		if err != nil && staging.CodeOf(err) != staging.CodeNotFound {
			return nil, err
		}
		v.Predecessor = err == nil && before.Phase != staging.PhaseDestroyed
	}
	return v, nil
}

// deployments finds the oldest that runs, else the newest, and what serves.
func (a *actor) deployments(ctx context.Context, v *view) error {
	list, err := a.Store.Deployments(ctx, a.id, historySeen)
	if err != nil {
		return err
	}
	for i := range list { // newest first
		if i == 0 || list[i].Outcome == staging.OutcomeRunning {
			v.Current = &list[i]
		}
	}
	id := v.Environment.Deployed.Deployment
	if id == "" {
		return nil
	}
	if v.Current != nil && v.Current.ID == id {
		v.Serving = v.Current
		return nil
	}
	serving, err := a.Store.Deployment(ctx, id)
	v.Serving = &serving
	return err
}

func (a *actor) look(ctx context.Context, row staging.Resource) staging.Observation {
	switch row.Kind {
	case staging.ResourceRoute:
		o := staging.Observation{Kind: row.Kind, Name: row.Name, Owner: row.Owner, Presence: staging.Absent}
		if _, ok := a.Edge.Route(row.Owner); ok {
			o.Presence = staging.Present
		}
		return o
	case staging.ResourceCheckout, staging.ResourceClone, staging.ResourceMark, staging.ResourceAside, staging.ResourceSnapshot:
		return a.Folders.Observe(ctx, row)
	}
	o, err := a.Platform.Observe(ctx, ref(row))
	if err != nil {
		return staging.Observation{Kind: row.Kind, Name: row.Name, Owner: row.Owner, Presence: staging.Unknown, Reason: err.Error()}
	}
	// What has ended is as good as absent for what shall keep running.
	if row.Kind == staging.ResourceWorkload && o.Presence == staging.Present && o.Run == staging.RunExited {
		o.Presence = staging.Absent
	}
	return o
}

func ref(row staging.Resource) platform.Ref {
	return platform.Ref{Kind: row.Kind, Name: row.Name, Owner: row.Owner, ID: row.Ref}
}

func (a *actor) isReady(name string) bool {
	a.steps.Lock()
	defer a.steps.Unlock()
	return a.mem.ready[name]
}

func (a *actor) setReady(name string, ready bool) {
	a.steps.Lock()
	defer a.steps.Unlock()
	if ready {
		a.mem.ready[name] = true
	} else {
		delete(a.mem.ready, name)
	}
}
