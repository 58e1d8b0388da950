package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// class is what kind of work an environment wants to begin, the most urgent
// first: somebody waits for a wake, a destroy gives room, a redeploy is waited
// for by whoever pushed, a new environment can wait.
type class int

const (
	waking class = iota
	destroying
	deploying
	creating
)

// readmit is how often one that waits asks again: space may be back.
const readmit = 5 * time.Second

// admission bounds how many environments are worked on at a time. What is more
// urgent may go deeper into a reserve, so that many creates never make a wake
// wait. Among equals the project that has the least under way is next.
type admission struct {
	slots int
	// scarce is why nothing new may be begun, "" where it may.
	scarce func() string
	kick   func(environment string)
	now    func() time.Time

	mu      sync.Mutex
	running map[string]*ticket
	queue   []*ticket
	// last is when each project was last let in, by a counter.
	last    map[string]int
	counter int
}

// ticket is one environment's place.
type ticket struct {
	environment, project string
	class                class
	number               int
	since                time.Time
}

func newAdmission(slots int, scarce func() string, now func() time.Time, kick func(string)) *admission {
	return &admission{slots: slots, scarce: scarce, kick: kick, now: now, running: map[string]*ticket{}, last: map[string]int{}}
}

// limit is up to how many may be under way for one more of that class to begin.
func (c class) limit(slots int) int {
	switch c {
	case waking:
		return 4 * slots
	case destroying:
		return 2 * slots
	case deploying:
		return slots + slots/2
	}
	return slots
}

// enter asks for a place; admitted is whether the environment has one now. It
// is kicked when it gets one later.
func (a *admission) enter(environment, project string, c class) (admitted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.running[environment]; t != nil {
		t.class = c
		return true
	}
	i := slices.IndexFunc(a.queue, func(t *ticket) bool { return t.environment == environment })
	if i < 0 {
		a.counter++
		a.queue = append(a.queue, &ticket{environment: environment, project: project, class: c, number: a.counter, since: a.now()})
	} else {
		a.queue[i].class = c
	}
	a.dispatch(environment)
	return a.running[environment] != nil
}

// leave gives a place back, or no longer waits for one.
func (a *admission) leave(environment string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, was := a.running[environment]
	delete(a.running, environment)
	n := len(a.queue)
	a.queue = slices.DeleteFunc(a.queue, func(t *ticket) bool { return t.environment == environment })
	if was || len(a.queue) < n {
		a.dispatch(environment)
	}
}

// dispatch lets in who may come in; caller looks for itself.
func (a *admission) dispatch(caller string) {
	scarce := a.scarce()
	for {
		next := slices.IndexFunc(a.ordered(), func(t *ticket) bool {
			return len(a.running) < t.class.limit(a.slots) && (t.class != creating || scarce == "")
		})
		if next < 0 {
			return
		}
		t := a.queue[next]
		a.queue = slices.Delete(a.queue, next, next+1)
		a.running[t.environment] = t
		a.counter++
		a.last[t.project] = a.counter
		if t.environment != caller {
			a.kick(t.environment)
		}
	}
}

// ordered sorts the queue: who is next comes first.
func (a *admission) ordered() []*ticket {
	under := map[string]int{}
	for _, t := range a.running {
		under[t.project]++
	}
	slices.SortStableFunc(a.queue, func(x, y *ticket) int {
		return cmp.Or(cmp.Compare(x.class, y.class), cmp.Compare(under[x.project], under[y.project]),
			cmp.Compare(a.last[x.project], a.last[y.project]), cmp.Compare(x.number, y.number))
	})
	return a.queue
}

// Waiting is an environment that waits for its turn.
type Waiting struct {
	Environment string
	Reason      string
	// Place counts from 1.
	Place int
	Since time.Time
}

// Queue is who waits for a turn, the next one first, and how many are worked on
// out of how many at a time.
func (e *Engine) Queue() (waiting []Waiting, running, slots int) {
	a := e.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	scarce := a.scarce()
	for i, t := range a.ordered() {
		reason := fmt.Sprintf("waits for its turn: place %d of %d, %d are worked on", i+1, len(a.queue), len(a.running))
		if t.class == creating && scarce != "" {
			reason = fmt.Sprintf("waits for space: %s; place %d of %d", scarce, i+1, len(a.queue))
		}
		waiting = append(waiting, Waiting{t.environment, reason, i + 1, t.since})
	}
	return waiting, len(a.running), a.slots
}

// admit keeps a plan for later where its environment has no place yet. What
// only tidies up needs none.
func (a *actor) admit(v *view, p plan.Plan) (admitted plan.Plan, ok bool) {
	c, needed := classOf(v, p)
	if !needed {
		if len(a.running) == 0 {
			a.admission.leave(a.id)
		}
		return p, true
	}
	if a.admission.enter(a.id, v.project.Name, c) {
		return p, true
	}
	if c == creating {
		p.Phase = staging.PhaseQueued
	}
	return plan.Plan{Phase: p.Phase, Waiting: []string{"waits for its turn"}}, false
}

// classOf is what kind of work a plan is, and whether it needs a place.
func classOf(v *view, p plan.Plan) (c class, needed bool) {
	dep := v.Current
	switch {
	case len(p.Ops) == 0:
		return 0, false
	case p.Phase == staging.PhaseDestroying:
		return destroying, true
	case p.Phase == staging.PhaseWaking:
		return waking, true
	case dep == nil || dep.Outcome != staging.OutcomeRunning || dep.Failure != nil || dep.Generation < v.Environment.Generation:
		return 0, false // what is over only has to be tidied up
	case v.Serving == nil:
		return creating, true
	}
	return deploying, true
}
