package plan

import (
	"slices"

	"offshoot/internal/staging"
)

// serve runs one data server: never two on the same directory. One that serves
// the revision before gives way only when turn has come.
func (b *builder) serve(dep *staging.Deployment, d staging.Datastore, made, addresses, turn []string) []string {
	it := server(dep, d)
	var stopped []string
	for _, name := range b.names {
		if name != it.name && sameData(name, dep, d) {
			stopped = append(stopped, b.drop(name, "what the stack says of "+d.Name+" has changed", b.giveWay(dep, turn))...)
		}
	}
	if b.there(it.name) && b.in.Ready[it.name] {
		return stopped
	}
	begun := b.ensure(it, dep, staging.StepData, d.Name+" is down", made, addresses, stopped)
	return b.add(Op{Action: Ready, Kind: it.kind, Resource: it.name, Service: d.Name, Deployment: dep.ID,
		Step: staging.StepData, Cause: "nothing may ask " + d.Name + " before it answers"}, begun)
}

// giveWay is what a data server waits for before it stops for another one on
// its data: the build, so that one which fails touches nothing; the way back;
// and that no request comes meanwhile.
func (b *builder) giveWay(dep *staging.Deployment, turn []string) []string {
	if dep == b.in.Current && dep.Outcome == staging.OutcomeRunning {
		turn = b.mark(dep, "the way back, should its data be served in vain in another way", turn)
	}
	return b.holdBack("requests wait while what serves the data changes", turn)
}

// mark keeps the data as it is before a deployment touches it, once.
func (b *builder) mark(dep *staging.Deployment, cause string, after []string) []string {
	p := dep.Progress
	if !b.keepsData(dep) || p.Mark != "" || p.NoMark != "" {
		return after
	}
	return b.add(Op{Action: Mark, Kind: staging.ResourceMark, Resource: mark(dep).name, Deployment: dep.ID,
		Step: staging.StepRelease, Cause: cause}, after)
}

// differing are dep's datastores on data of old that it serves otherwise.
func differing(dep, old *staging.Deployment) []staging.Datastore {
	if dep.Stack == nil || old == nil || old.Stack == nil || DataSet(dep) != DataSet(old) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(dep.Stack.Datastores), func(d staging.Datastore) bool {
		was, ok := old.Stack.Datastore(d.Name)
		return !ok || server(old, was).name == server(dep, d).name
	})
}

// replaced is whether servers of dep took the place of some that old knows.
func (b *builder) replaced(dep, old *staging.Deployment) bool {
	return slices.ContainsFunc(differing(dep, old), func(d staging.Datastore) bool {
		_, begun := b.rows[server(dep, d).name]
		return begun
	})
}

// Upgrades is whether dep serves data of old by another version of its server:
// what that writes the one before may not read.
func Upgrades(dep, old *staging.Deployment) bool {
	return slices.ContainsFunc(differing(dep, old), func(d staging.Datastore) bool {
		was, _ := old.Stack.Datastore(d.Name)
		return was.Version != d.Version
	})
}

// servesBoth is whether the data servers of dep can serve the revision before
// too: under another name it does not find its database. In a bundle each has
// its own.
func (b *builder) servesBoth(dep, old *staging.Deployment) bool {
	return !slices.ContainsFunc(old.Stack.Datastores, func(was staging.Datastore) bool {
		d, ok := dep.Stack.Datastore(was.Name)
		return !ok || d.Kind != was.Kind || d.Database != was.Database || b.in.Bundles && server(dep, d) != server(old, was)
	})
}
