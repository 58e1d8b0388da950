package upkeep

import (
	"time"

	"offshoot/internal/staging"
)

const (
	// maxLead and leadShare say how long before its end an environment's owner
	// is warned: a third of its life, a day at most.
	maxLead   = 24 * time.Hour
	leadShare = 3
)

// Defaults are the server's, for projects and environments that say nothing.
type Defaults struct {
	// TTL is how long an environment lives after its last activity, Sleep how
	// long it may be idle before it sleeps; a negative Sleep means never.
	TTL, Sleep time.Duration
}

// life is when an environment is warned of and when it ends; zero times where
// it never does.
type life struct {
	ttl, lead time.Duration
	warnAt    time.Time
	// endAt is never before a warning was out for its whole lead.
	endAt  time.Time
	warned bool
	// forever says why it never ends, "" where it does.
	forever string
}

// lifeOf is pure. Time in which the server was down does not count, neither
// before a warning nor after it.
func lifeOf(d Defaults, p staging.Project, e staging.Environment, down outages) life {
	switch {
	case e.Kind == staging.KindShared:
		return life{forever: "shared staging is never swept"}
	case !e.DeleteRequestedAt.IsZero():
		return life{forever: "it is being destroyed already"}
	case e.Pinned:
		return life{forever: "it is pinned"}
	}
	l := life{ttl: d.TTL}
	if p.Policy.TTL > 0 {
		l.ttl = p.Policy.TTL
	}
	if e.TTL > 0 {
		l.ttl = e.TTL
	}
	l.lead = min(maxLead, l.ttl/leadShare)
	used := lastUse(e)
	l.endAt = down.after(used, l.ttl)
	if e.ExtendedTo.After(used) {
		if at := down.after(used, e.ExtendedTo.Sub(used)); at.After(l.endAt) {
			l.endAt = at
		}
	}
	l.warnAt = l.endAt.Add(-l.lead)
	l.warned = !e.WarnedAt.IsZero() && e.WarnedAt.After(used)
	if l.warned {
		if at := down.after(e.WarnedAt, l.lead); at.After(l.endAt) {
			l.endAt = at
		}
	}
	return l
}

func lastUse(e staging.Environment) time.Time {
	if e.LastActivityAt.IsZero() {
		return e.CreatedAt
	}
	return e.LastActivityAt
}

// sleepAfter is how long an environment may be idle, 0 for never. The stack
// decides for itself, then the project, then the server.
func sleepAfter(d Defaults, p staging.Project, e staging.Environment, stack *staging.Stack) time.Duration {
	if e.Kind == staging.KindShared {
		return 0 // others stand on its data
	}
	after := d.Sleep
	if p.Policy.Sleep != 0 {
		after = p.Policy.Sleep
	}
	if stack != nil {
		switch {
		case stack.Sleep.Never:
			return 0
		case stack.Sleep.After > 0:
			after = stack.Sleep.After
		}
	}
	return max(0, after)
}

// idleSince is from when on nobody used an environment that runs: who woke it
// may have been nobody, but what it woke for was not for nothing.
func idleSince(e staging.Environment) time.Time {
	since := lastUse(e)
	for _, t := range []time.Time{e.AwakeSince, e.Deployed.At} {
		if t.After(since) {
			since = t
		}
	}
	return since
}
