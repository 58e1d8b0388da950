package plan

import (
	"slices"
	"time"

	"offshoot/internal/staging"
)

// setAside keeps data that dep no longer has: all of it after a reset, else
// what its stack has ceased to declare.
func (b *builder) setAside(dep, old *staging.Deployment, after []string) []string {
	mine := b.keep(dep, true)
	var moved []item
	for _, it := range clones(old) {
		if _, ok := b.rows[it.name]; ok && !mine[it.name] {
			moved = append(moved, it)
		}
	}
	switch {
	case len(moved) == 0:
		return after
	case DataSet(old) != DataSet(dep):
		after = b.stopServers(old, "its data is set aside", after)
	case b.in.Bundles:
		return after // the bundle holds the rest, which serves
	}
	var ids []string
	for _, it := range moved {
		before := after
		for _, h := range holders(old) {
			if slices.Contains(h.clones, it.service) && !b.in.Bundles {
				before = append(slices.Clone(before), b.drop(h.name, "its data is set aside", after)...)
			}
		}
		ids = append(ids, b.add(Op{Action: SetAside, Kind: staging.ResourceClone, Resource: it.name, Service: it.service,
			Deployment: dep.ID, Cause: "replaced data is kept for a day"}, before)...)
	}
	return append(ids, after...)
}

// keepsAside is whether a row is data set aside that is not due yet.
func (b *builder) keepsAside(r staging.Resource) bool {
	return r.Kind == staging.ResourceAside && b.in.Now.Sub(r.CreatedAt) < KeepAside
}

// KeepAside is how long data that was replaced is kept, for undo.
const KeepAside = 24 * time.Hour
