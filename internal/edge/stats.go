package edge

import "sync/atomic"

// Stats are counts since the edge was made.
type Stats struct {
	// Requests came in, Unknown of them for no host that there is. Held waited
	// for an environment to wake, Holding wait now.
	Requests, Unknown, Held, Holding int64
}

type stats struct{ requests, unknown, held, holding atomic.Int64 }

// Stats are what was done so far.
func (e *Edge) Stats() Stats {
	return Stats{Requests: e.stats.requests.Load(), Unknown: e.stats.unknown.Load(), Held: e.stats.held.Load(), Holding: e.stats.holding.Load()}
}
