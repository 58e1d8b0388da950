package edge

import (
	"net/http"
	"time"

	"offshoot/internal/staging"
)

const (
	// patience is how long a person's browser waits for a page before it is
	// shown that something happens; everything else waits maxWait.
	patience = 10 * time.Second
	maxWait  = 60 * time.Second
)

// ServeHTTP sends the request where its host leads.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := staging.NormalizeHost(r.Host)
	e.pass(w, r, host, e.table.Load().find(host), false)
}

// serveOwn sends a request of an environment's own workloads where its host leads,
// if that is a host of theirs; it is nobody's activity.
func (e *Edge) serveOwn(w http.ResponseWriter, r *http.Request, environment string) bool {
	host := staging.NormalizeHost(r.Host)
	g := e.table.Load().find(host)
	if g == nil || g.environment != environment {
		return false
	}
	e.pass(w, r, host, g, true)
	return true
}

// pass sends a request through a gate, nil for that of a host that is nobody's; own
// is whether it is the environment's own.
func (e *Edge) pass(w http.ResponseWriter, r *http.Request, host string, g *gate, own bool) {
	e.stats.requests.Add(1)
	if g == nil {
		e.stats.unknown.Add(1)
		unknown(w, r)
		return
	}
	wait := waiting{begun: time.Now()}
	for {
		at := g.enter()
		switch {
		case at.generation != nil:
			e.serve(w, r, g, at.generation, host, own)
			return
		case !at.held:
			unknown(w, r)
			return
		case wait.tried && at.failures != wait.failures && at.failure != nil:
			asleep(g.environment, at.failure).write(w, r)
			return
		}
		if !wait.tried {
			wait.tried, wait.failures = true, at.failures
			e.stats.held.Add(1)
		}
		if !e.await(w, r, g, at, &wait) {
			return
		}
	}
}

func (e *Edge) serve(w http.ResponseWriter, r *http.Request, g *gate, gen *generation, host string, own bool) {
	defer g.leave(gen)
	t := gen.targets[host]
	counted := !own && e.counts(g, r)
	if counted {
		g.touch()
	}
	switch {
	case t == nil:
		unknown(w, r)
		return
	case len(t.upstreams) == 0:
		nothing(gen).write(w, r)
		return
	case r.Method == http.MethodConnect:
		answer{status: http.StatusMethodNotAllowed, code: staging.CodeRefused, title: "No tunnels here", detail: "the edge opens no tunnels", hint: "offshoot tunnel ENV DATASTORE"}.write(w, r)
		return
	}
	e.proxy.serve(w, r, &flight{gate: g, generation: gen, target: t, counted: counted})
}

// counts is whether a request is activity. Who is behind it is only looked for
// where nobody has counted since activity was last read.
func (e *Edge) counts(g *gate, r *http.Request) bool {
	return person(r) && (e.config.Own == nil || g.active.Load() != 0 || !e.config.Own(g.environment, r.RemoteAddr))
}

// waiting is what one request remembers while it waits.
type waiting struct {
	begun    time.Time
	tried    bool
	failures int
	refused  bool
}

// await blocks until the environment may be asked again; it answers itself,
// and false, when the request has waited enough.
func (e *Edge) await(w http.ResponseWriter, r *http.Request, g *gate, at entry, wait *waiting) bool {
	e.stats.holding.Add(1)
	defer e.stats.holding.Add(-1)
	limit := maxWait
	if navigates(r) {
		limit = patience
	}
	deadline := time.NewTimer(time.Until(wait.begun.Add(limit)))
	defer deadline.Stop()
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		e.ask(r, g, wait)
		select {
		case <-at.changed:
			return true
		case <-r.Context().Done():
			return false
		case <-e.done:
			restarting(g.environment).write(w, r)
			return false
		case <-deadline.C:
			switch {
			case wait.refused:
				crowded(g.environment).write(w, r)
			case at.failure != nil: // what was tried last; it is tried again
				asleep(g.environment, at.failure).write(w, r)
			default:
				waking(g.environment).write(w, r)
			}
			return false
		case <-again.C:
		}
	}
}

// ask lets the environment wake, once for all that wait.
func (e *Edge) ask(r *http.Request, g *gate, wait *waiting) {
	now, refused := g.ask(func() bool { return e.sources.allow(r.RemoteAddr) })
	wait.refused = refused
	if now {
		e.config.Wake(g.environment)
	}
}
