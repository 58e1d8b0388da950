package plan

import (
	"strings"

	"offshoot/internal/staging"
)

// destroy lets everything go, the way in and what is still being made first;
// only when no row is left are the inventories asked. It needs nothing but the
// ledger and the stored stack.
func (b *builder) destroy() {
	b.plan.Phase = staging.PhaseDestroying
	cause := b.in.Environment.DeleteCause
	unfinished := b.dropAll(func(r staging.Resource) bool {
		return r.Kind == staging.ResourceRoute || r.Kind == staging.ResourceBuild || r.Kind == staging.ResourceTask && !strings.Contains(r.Name, ".hook-")
	}, cause)
	said := b.farewell(unfinished)
	gone := b.dropAll(func(staging.Resource) bool { return true }, cause, said)
	b.add(Op{Action: Vanish, Cause: b.in.Environment.DeleteCause}, gone)
}
