package plan

import (
	"slices"

	"offshoot/internal/staging"
)

// recover ends a deployment that cannot succeed: what it made goes, the data
// comes back where its release began, what served goes on.
func (b *builder) recover(outcome staging.Outcome) {
	dep, old := b.in.Current, b.in.Serving
	b.plan.Phase = staging.PhaseDeploying
	if dep.Progress.Routed {
		// It serves already: only the end of the revision before is left.
		if outcome == staging.OutcomeSuperseded {
			outcome = staging.OutcomeSucceeded
		}
		b.takeOver(dep, nil, outcome)
		return
	}
	cause := "the deployment " + string(outcome)
	kept := b.keep(old, b.in.Environment.Awake || !b.in.Holding)
	for _, name := range b.names {
		kept[name] = kept[name] || !b.in.Holding && Ran(b.rows[name], old)
	}
	stopped := b.dropAll(func(r staging.Resource) bool {
		return !kept[r.Name] && (r.Kind == staging.ResourceTask || r.Kind == staging.ResourceBuild ||
			r.Kind == staging.ResourceWorkload && !isData(r.Name) || r.Kind == staging.ResourceBundle && isDataBundle(r.Name))
	}, cause)
	if b.in.Bundles {
		stopped = append(stopped, b.revert(dep, old, cause)...)
	}
	stopped = b.goBack(dep, stopped)
	if b.replaced(dep, old) {
		stopped = b.holdBack("requests wait while the servers of before come back", stopped)
	}
	gone := b.dropAll(func(r staging.Resource) bool {
		return !kept[r.Name] && r.Kind != staging.ResourceAside
	}, cause, stopped)
	if old != nil && old.Stack != nil && b.in.Environment.Awake && (dep.Progress.Restored || !b.in.Bundles && !b.goesBack(dep) && len(differing(dep, old)) > 0) {
		// Whoever is told of the failure finds the data served again, unless it
		// does not come up: then that is tried on afterwards.
		within := b.ensure(scope(old.Environment), old, "", cause)
		addresses := b.addresses(old, within)
		served := b.data(old, within, addresses)
		if b.in.Holding {
			served = b.wakeServices(old, within, addresses, served)
		}
		if !b.anyDown(old) {
			gone = append(gone, served...)
		}
	}
	b.finish(dep, outcome, stopped, gone)
}

// anyDown is whether a data server of dep was seen not to come up.
func (b *builder) anyDown(dep *staging.Deployment) bool {
	return slices.ContainsFunc(holders(dep), func(h holder) bool { return b.in.Down[h.name] })
}

// goBack puts the data back to where it was before a release that changed the
// schema. Nothing writes any more when the two are compared.
func (b *builder) goBack(dep *staging.Deployment, stopped []string) []string {
	if !b.goesBack(dep) {
		return stopped
	}
	if dep.Progress.Schema == "" {
		stopped = b.add(Op{Action: Compare, Kind: staging.ResourceMark, Resource: mark(dep).name, Deployment: dep.ID,
			Step: staging.StepRelease, Cause: "data goes back only where the schema was changed"}, stopped)
	}
	stopped = b.holdBack("requests wait while the data goes back", stopped)
	stopped = b.stopServers(dep, "its data goes back to where it was", stopped)
	return b.add(Op{Action: Restore, Kind: staging.ResourceMark, Resource: mark(dep).name, Deployment: dep.ID,
		Step: staging.StepRelease, Cause: "the schema is to be the one that the serving revision knows"}, stopped)
}

// holdBack lets requests wait while what serves has no data.
func (b *builder) holdBack(cause string, after []string) []string {
	old := b.in.Serving
	if old == nil || b.in.Bundles || b.in.Holding {
		return after
	}
	return b.add(Op{Action: Hold, Resource: route(old.Environment).name, Deployment: old.ID, Step: staging.StepRelease,
		Cause: cause}, after)
}

// goesBack is whether data is still to go back, as far as is known: a release
// may have changed it, or the server of another version.
func (b *builder) goesBack(dep *staging.Deployment) bool {
	p := dep.Progress
	if p.Mark == "" || p.Restored || p.Schema == staging.SchemaSame || dep.Stack != nil && dep.Stack.KeepsOnFailure() {
		return false
	}
	return p.ReleaseBegan || p.Schema == staging.SchemaChanged || Upgrades(dep, b.in.Serving) && b.replaced(dep, b.in.Serving)
}
