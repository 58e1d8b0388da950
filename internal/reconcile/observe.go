package reconcile

import (
	"context"
	"slices"
	"sync"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// view is one observation of an environment: the planner's input, and what the
// executor needs besides.
type view struct {
	plan.Input
	project staging.Project
	// remembered is whether some of it was seen for an earlier view.
	remembered bool
}

func (v *view) deployment(id string) *staging.Deployment {
	for _, d := range []*staging.Deployment{v.Current, v.Serving} {
		if d != nil && d.ID == id {
			return d
		}
	}
	return nil
}

// deploys is whether a deployment runs.
func (v *view) deploys() bool {
	return v.Current != nil && v.Current.Outcome == staging.OutcomeRunning
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
	v := &view{Input: plan.Input{Now: a.Now(), Observed: map[string]staging.Observation{}, Ready: map[string]bool{}, Prepared: a.mem.allPrepared()}}
	// What is wanted and what was done must be of one instant: a deployment
	// that is seen to have ended while what serves is not seen yet would let
	// go of everything.
	if err := a.Store.Read(ctx, func(r Reader) error { return a.wanted(ctx, r, v) }); err != nil {
		return nil, err
	}
	env := v.Environment
	if a.Platform == nil {
		on, err := a.ground(env)
		if err != nil {
			return nil, err
		}
		a.Ground = on
	}
	v.Bundles, v.Doors = a.bundles(), a.Platform.Traits().NamesResolve
	a.confineAgain(ctx, v)
	_, v.Prepares = a.Platform.(platform.Preparer)
	v.StartsSlowly, v.BuildsApart = a.Platform.Traits().StartsSlowly, a.Platform.Traits().BuildsApart
	_, v.Rests = a.Platform.(platform.Rester)
	var seen []staging.Observation
	seen, v.remembered = a.lookAll(ctx, v.Ledger)
	for i, row := range v.Ledger {
		o := seen[i]
		v.Observed[row.Name] = o
		live := o.Run == staging.RunStarting || o.Run == staging.RunRunning || o.Run == staging.RunPaused || o.Run == staging.RunRestarting || o.Run == staging.RunFailing || o.Run == staging.RunDone
		if row.Kind != staging.ResourceWorkload && row.Kind != staging.ResourceBundle || !live {
			continue
		}
		for _, w := range workloads([]staging.Resource{row}) {
			if a.mem.isReady(w.Name) {
				v.Ready[w.Name] = true
			}
		}
	}
	v.Empty = v.Current == nil || v.Current.Stack == nil || !slices.ContainsFunc(origins(v.Ledger, v.Current), func(d staging.DataOrigin) bool { return !d.Empty && d.Kind != "redis" })
	v.Sessions, v.Down = a.mem.running(), a.mem.allDown()
	for _, row := range v.Ledger { // an earlier server began it
		if plan.IsJob(row) && v.Observed[row.Name].Run == staging.RunRunning {
			v.Sessions[row.Name] = true
		}
	}
	v.Holding = a.Edge.Holding(env.ID)
	if row, ok := v.row(plan.Name(env.ID, staging.ResourceRoute, "0")); ok {
		v.Drained = a.mem.isDrained(row.SpecHash)
	}
	return v, nil
}

// wanted reads all that the store knows of the environment.
func (a *actor) wanted(ctx context.Context, r Reader, v *view) (err error) {
	if v.Environment, err = r.Environment(ctx, a.id); err != nil {
		return err
	}
	if v.project, err = r.Project(ctx, v.Environment.Project); err != nil {
		return err
	}
	if v.Ledger, err = r.Resources(ctx, a.id); err != nil {
		return err
	}
	if after := v.Environment.After; after != "" {
		before, err := r.Environment(ctx, after)
		if err != nil && staging.CodeOf(err) != staging.CodeNotFound {
			return err
		}
		v.Predecessor = err == nil && before.Phase != staging.PhaseDestroyed
	}
	if err := a.deployments(ctx, r, v); err != nil {
		return err
	}
	for _, d := range []*staging.Deployment{v.Current, v.Serving} {
		if d != nil { // how many run is the environment's, and needs no deployment
			d.Options.Scale = v.Environment.Desired.Scale
		}
	}
	return nil
}

// deployments finds the oldest that runs, else the newest, and what serves.
func (a *actor) deployments(ctx context.Context, r Reader, v *view) error {
	list, err := r.Underway(ctx, a.id)
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
	serving, err := r.Deployment(ctx, id)
	v.Serving = &serving
	return err
}

// lookLimit bounds looking at one thing; what does not answer is unknown.
const lookLimit = 10 * time.Second

// lookAll looks at rows in their order. What runs is looked at side by side, since
// a platform that is another program takes its time for each, and not again where
// it was just looked at.
func (a *actor) lookAll(ctx context.Context, rows []staging.Resource) (seen []staging.Observation, remembered bool) {
	seen = make([]staging.Observation, len(rows))
	busy := map[string]bool{}
	for _, o := range a.running {
		busy[o.op.Resource] = true
	}
	now, fresh := time.Now(), []int(nil)
	var looking sync.WaitGroup
	for i, row := range rows {
		switch row.Kind {
		case staging.ResourceScope, staging.ResourceWorkload, staging.ResourceTask, staging.ResourceBuild, staging.ResourceBundle:
			if o, ok := a.seen.of(row.Name, now); ok && !busy[row.Name] {
				seen[i], remembered = o, true
				continue
			}
			fresh = append(fresh, i)
			looking.Go(func() { seen[i] = a.look(ctx, row) })
		default:
			seen[i] = a.look(ctx, row)
		}
	}
	looking.Wait()
	for _, i := range fresh {
		a.seen[rows[i].Name] = glance{seen[i], now}
	}
	return seen, remembered
}

func (a *actor) look(ctx context.Context, row staging.Resource) staging.Observation {
	switch row.Kind {
	case staging.ResourceRoute:
		o := staging.Observation{Kind: row.Kind, Name: row.Name, Owner: row.Owner, Presence: staging.Absent}
		// Hosts that only say a phase lead nowhere, and those that lead elsewhere
		// than is written down are not this route.
		if r, ok := a.Edge.Route(row.Owner); ok && (r.Holding || a.Edge.Holding(row.Owner) || r.Phase == staging.PhaseReady && r.Destination == row.SpecHash) {
			o.Presence = staging.Present
		}
		return o
	case staging.ResourceLink, staging.ResourceDoor:
		o := staging.Observation{Kind: row.Kind, Name: row.Name, Owner: row.Owner, Presence: staging.Absent}
		if a.Links.IsOpen(row.Name) {
			o.Presence = staging.Present
		}
		return o
	case staging.ResourceMail:
		o := staging.Observation{Kind: row.Kind, Name: row.Name, Owner: row.Owner, Presence: staging.Absent}
		if a.Mail.IsOpen(row.Owner) {
			o.Presence = staging.Present
		}
		return o
	case staging.ResourceCheckout, staging.ResourceClone, staging.ResourceMark, staging.ResourceAside, staging.ResourceSnapshot:
		return a.Folders.Observe(ctx, row)
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	o, err := a.by(row).Observe(ctx, ref(row))
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
