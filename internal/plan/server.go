package plan

import (
	"slices"

	"offshoot/internal/staging"
)

// serve runs one holder of data: never two on the same. One that serves the
// revision before gives way only when turn has come.
func (b *builder) serve(dep *staging.Deployment, h holder, made, addresses, turn []string) []string {
	var stopped []string
	for _, name := range b.names {
		if name != h.name && sameData(name, dep, h.service) {
			stopped = append(stopped, b.drop(name, "what the stack says of "+h.service+" has changed", b.giveWay(dep, turn))...)
		}
	}
	if b.there(h.name) && b.in.Ready[h.name] {
		return stopped
	}
	return b.answer(dep, h, b.ensure(h.item, dep, staging.StepData, h.service+" is down", made, addresses, stopped))
}

// answer waits until a holder of data can be asked.
func (b *builder) answer(dep *staging.Deployment, h holder, begun []string) []string {
	op := Op{Action: Ready, Kind: h.kind, Resource: h.name, Service: h.service, Deployment: dep.ID,
		Step: staging.StepData, Cause: "nothing may ask " + h.service + " before it answers"}
	if h.backing {
		op.Action = Health
	}
	return b.add(op, begun)
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

// differing are dep's holders on data of old that it serves otherwise.
func differing(dep, old *staging.Deployment) []holder {
	if dep.Stack == nil || old == nil || old.Stack == nil || DataSet(dep) != DataSet(old) {
		return nil
	}
	return slices.DeleteFunc(holders(dep), func(h holder) bool {
		was, ok := holderOf(old, h.service)
		return !ok || was.name == h.name
	})
}

// replaced is whether servers of dep took the place of some that old knows.
func (b *builder) replaced(dep, old *staging.Deployment) bool {
	return slices.ContainsFunc(differing(dep, old), func(h holder) bool {
		_, begun := b.rows[h.name]
		return begun
	})
}

// Upgrades is whether dep serves data of old by another version of its server:
// what that writes the one before may not read.
func Upgrades(dep, old *staging.Deployment) bool {
	return slices.ContainsFunc(differing(dep, old), func(h holder) bool {
		was, _ := holderOf(old, h.service)
		return was.version != h.version
	})
}

// servesBoth is whether the data servers of dep can serve the revision before
// too: under another name it does not find its database. In a bundle each has
// its own.
func (b *builder) servesBoth(dep, old *staging.Deployment) bool {
	return !slices.ContainsFunc(holders(old), func(was holder) bool {
		h, ok := holderOf(dep, was.service)
		return !ok || h.engine != was.engine || h.database != was.database || b.in.Bundles && h.name != was.name
	})
}
