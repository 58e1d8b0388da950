package reconcile

import (
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// sight is what was seen of an environment's resources, by their names. A plan is
// made anew whenever an operation has ended, several within some milliseconds: what
// no operation was on, and of which nobody has told anything, is as it was.
type sight map[string]glance

type glance struct {
	seen staging.Observation
	at   time.Time
}

// goodFor is how long what was seen holds where nobody tells that it changed.
const goodFor = time.Second

// of is what was seen of a resource; ok is whether that still holds. What is not
// known is looked at again.
func (s sight) of(name string, now time.Time) (o staging.Observation, ok bool) {
	g, ok := s[name]
	if !ok || now.Sub(g.at) >= goodFor || g.seen.Presence == staging.Unknown {
		return o, false
	}
	return g.seen, true
}

// changed forgets what an operation that has ended was on: one that made, started
// or removed one thing changed that, and what was waited for has changed meanwhile.
func (s sight) changed(r result) {
	switch r.op.Action {
	case plan.Read, plan.Route, plan.Drain, plan.Finish:
		if r.err == nil {
			return
		}
	case plan.Apply, plan.Prepare, plan.Await, plan.Delete, plan.Ready, plan.Health:
		if r.err == nil && r.op.Kind != staging.ResourceScope { // all else stands on that
			delete(s, r.op.Resource)
			return
		}
	}
	clear(s)
}
