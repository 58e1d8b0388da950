package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// actor works on one environment, alone. It lives while there is work.
type actor struct {
	*Engine
	Ground
	id   string
	mem  *memory
	kick chan struct{}
	done chan result
	// again is guarded by the engine's lock.
	again bool

	running map[string]operation
	retry   map[string]backoff
	repeats map[string]int
	// seen is what was last seen of what is on the platform.
	seen sight
}

type operation struct {
	op     plan.Op
	cancel context.CancelFunc
}

type result struct {
	op  plan.Op
	dep *staging.Deployment
	err error
}

type backoff struct {
	at    time.Time
	pause time.Duration
}

const (
	firstRetry = 250 * time.Millisecond
	maxRetry   = time.Minute
	// maxRepeats bounds how often one operation may succeed without the plan
	// noticing: more is a mistake of ours, not of the environment.
	maxRepeats = 25
)

// errStale says that the desired state changed under an operation.
var errStale = errors.New("a newer state is wanted")

func newActor(e *Engine, id string, m *memory, on Ground) *actor {
	return &actor{Engine: e, Ground: on, id: id, mem: m, kick: make(chan struct{}, 1), done: make(chan result),
		running: map[string]operation{}, retry: map[string]backoff{}, repeats: map[string]int{}, seen: sight{}}
}

// run works until nothing is left to do, or the engine stops.
func (a *actor) run() {
	for a.ctx.Err() == nil {
		view, err := a.observe(a.ctx)
		if staging.CodeOf(err) == staging.CodeNotFound && len(a.running) == 0 {
			if a.retire(a, true) {
				return
			}
			continue
		}
		if err != nil {
			a.Log.ErrorContext(a.ctx, "observe", "environment", a.id, "error", err)
			a.pause("observe")
			a.wait(nil, plan.Plan{}, time.Until(a.retry["observe"].at))
			continue
		}
		p, admitted := a.admit(view, plan.Next(view.Input))
		// The phase is written beside what is done about it, but never over what
		// the last operation says.
		first := !admitted || ends(p)
		if first {
			a.log("record", a.record(a.ctx, view, p))
		}
		if !admitted {
			a.wait(nil, plan.Plan{}, readmit)
			continue
		}
		a.abandon(p)
		next := a.start(view, p.Startable())
		if !first {
			a.log("record", a.record(a.ctx, view, p))
		}
		a.log("record steps", a.recordSteps(a.ctx, view, p))
		if p.Again > 0 && (next == 0 || p.Again < next) {
			next = p.Again
		}
		if len(a.running) == 0 && next == 0 && len(p.Waiting) == 0 {
			if view.remembered { // it rests on nothing but what is seen now
				clear(a.seen)
				continue
			}
			if a.retire(a, view.Environment.Phase == staging.PhaseDestroyed) {
				return
			}
			clear(a.seen)
			continue
		}
		if next == 0 && len(p.Waiting) > 0 {
			a.pause("waiting")
			next = time.Until(a.retry["waiting"].at)
		}
		a.wait(view, p, next)
	}
	a.end()
}

// ends is whether an operation of a plan says what the environment is then.
func ends(p plan.Plan) bool {
	return slices.ContainsFunc(p.Ops, func(op plan.Op) bool { return op.Action == plan.Finish || op.Action == plan.Vanish })
}

func (a *actor) log(what string, err error) {
	if err != nil && !errors.Is(err, errStale) {
		a.Log.ErrorContext(a.ctx, what, "environment", a.id, "error", err)
	}
}

// end waits for what is under way when the engine stops: it was cancelled with
// the engine's context, and no other actor begins any more.
func (a *actor) end() {
	for len(a.running) > 0 {
		r := <-a.done
		delete(a.running, r.op.ID)
	}
	a.admission.leave(a.id)
	a.mu.Lock()
	delete(a.actors, a.id)
	a.mu.Unlock()
}

// abandon cancels what the plan no longer has.
func (a *actor) abandon(p plan.Plan) {
	for id, o := range a.running {
		if !slices.ContainsFunc(p.Ops, func(op plan.Op) bool { return op.ID == id }) {
			o.cancel()
		}
	}
}

// start begins what can begin, and answers after which time something that
// failed may be tried again, 0 for nothing.
func (a *actor) start(view *view, ops []plan.Op) time.Duration {
	var next time.Duration
	for _, op := range ops {
		if a.occupied(op) {
			continue
		}
		if wait := time.Until(a.retry[op.ID].at); wait > 0 {
			if next == 0 || wait < next {
				next = wait
			}
			continue
		}
		ctx, cancel := context.WithCancel(a.ctx)
		a.running[op.ID] = operation{op, cancel}
		dep := view.deployment(op.Deployment)
		go func() {
			begin := time.Now()
			err := a.execute(ctx, view, op)
			a.Log.DebugContext(ctx, "operation", "environment", a.id, "operation", op.ID, "cause", op.Cause, "took", time.Since(begin), "error", err)
			cancel()
			a.done <- result{op, dep, err}
		}()
	}
	return next
}

// occupied is whether something runs on the same resource: an operation that
// was cancelled is waited for.
func (a *actor) occupied(op plan.Op) bool {
	if _, ok := a.running[op.ID]; ok {
		return true
	}
	for _, o := range a.running {
		if o.op.Resource == op.Resource && op.Resource != "" {
			return true
		}
	}
	return false
}

// wait blocks until something ends, changes, or may be tried again. What has
// ended meanwhile is looked at once, not once each. Where it was only found out
// that something answers, the plan goes on as it is: what waited for that begins,
// unless a deployment has to tell of its steps.
func (a *actor) wait(view *view, p plan.Plan, next time.Duration) {
	var timer <-chan time.Time
	if next > 0 {
		t := time.NewTimer(next)
		defer t.Stop()
		timer = t.C
	}
	if len(a.running) == 0 && timer == nil {
		return
	}
	ended := map[string]bool{}
	for {
		select {
		case r := <-a.done:
			news := a.note(view, r, ended)
			news = a.others(view, ended) || news
			if !news && a.start(view, p.Freed(ended)) == 0 && len(a.running) > 0 {
				continue
			}
		case <-a.kick:
			a.mu.Lock()
			a.again = false
			a.mu.Unlock()
			clear(a.retry) // a person or event may have changed what failed
			clear(a.seen)
		case <-timer:
		case <-a.ctx.Done():
		}
		return
	}
}

// others takes note of what else has ended, and answers whether that is news.
func (a *actor) others(view *view, ended map[string]bool) (news bool) {
	for range len(a.running) {
		select {
		case r := <-a.done:
			news = a.note(view, r, ended) || news
		default:
			return news
		}
	}
	return news
}

// note answers whether the end of an operation may change the plan, as does all
// that makes things, removes them or fails, and all that ends a step.
func (a *actor) note(view *view, r result, ended map[string]bool) (news bool) {
	ended[r.op.ID] = true
	a.ended(r)
	switch r.op.Action {
	case plan.Prepare:
		return r.err != nil
	case plan.Ready, plan.Health, plan.Resume:
		return r.err != nil || view == nil || view.deploys()
	}
	return true
}

func (a *actor) pause(id string) {
	b := a.retry[id]
	b.pause = min(max(firstRetry, b.pause*2), maxRetry)
	b.at = time.Now().Add(b.pause)
	a.retry[id] = b
}

// ended records how an operation ended. What fails in a deployment fails the
// deployment; what fails elsewhere is tried again.
func (a *actor) ended(r result) {
	delete(a.running, r.op.ID)
	a.seen.changed(r)
	if r.err == nil {
		delete(a.retry, r.op.ID)
		if a.repeats[r.op.ID]++; a.repeats[r.op.ID] <= maxRepeats {
			return
		}
		r.err = fmt.Errorf("%s had no effect", r.op.ID)
	}
	var waiting *staging.Waiting
	switch {
	case errors.Is(r.err, errStale), errors.Is(r.err, context.Canceled):
		a.Log.DebugContext(a.ctx, "given up", "environment", a.id, "operation", r.op.ID, "error", r.err)
		return
	case errors.As(r.err, &waiting):
		a.pause(r.op.ID)
		return
	}
	a.Log.WarnContext(a.ctx, "failed", "environment", a.id, "operation", r.op.ID, "error", r.err)
	if hook, ok := plan.HookOf(r.op.Service); ok {
		if err := a.hookFailed(a.ctx, r, hook); err == nil {
			return
		}
	}
	if failing(r) {
		if err := a.fail(a.ctx, r); err == nil {
			return
		}
	}
	switch r.op.Action {
	case plan.Apply, plan.Ready, plan.Health:
		a.mem.setDown(r.op.Resource)
	}
	if r.dep != nil && a.Edge.Holding(a.id) && keepsWaiting(r) {
		a.Edge.Fail(a.id, a.explain(a.ctx, r))
	}
	a.pause(r.op.ID)
	if err := a.complain(a.ctx, r); err != nil {
		a.Log.ErrorContext(a.ctx, "record", "environment", a.id, "error", err)
	}
}

// keepsWaiting is whether requests wait for what an operation was to bring up:
// not for a service that has no route, unless one that has needs it.
func keepsWaiting(r result) bool {
	if r.dep.Stack == nil {
		return true
	}
	service, ok := r.dep.Stack.Service(r.op.Service)
	return !ok || leadsToRoute(r.dep.Stack, service, len(r.dep.Stack.Services))
}

// leadsToRoute looks at most so many dependencies far.
func leadsToRoute(stack *staging.Stack, s staging.Service, far int) bool {
	if len(s.Ports) > 0 {
		return true
	}
	return far > 0 && slices.ContainsFunc(stack.Services, func(other staging.Service) bool {
		needs := slices.ContainsFunc(other.DependsOn, func(d staging.Dependency) bool { return d.Name == s.Name })
		return needs && leadsToRoute(stack, other, far-1)
	})
}

// failing is whether the end of an operation is the end of its deployment.
func failing(r result) bool {
	if r.dep == nil || r.dep.Outcome != staging.OutcomeRunning || r.dep.Failure != nil || r.dep.Progress.Routed {
		return false
	}
	switch r.op.Action {
	case plan.Delete, plan.Restore, plan.Compare, plan.Drain, plan.Finish, plan.Hold, plan.SetAside, plan.Vanish:
		return false
	}
	return true
}
