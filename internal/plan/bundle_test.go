package plan_test

import (
	"maps"
	"slices"
	"strings"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// bundle is the model of a set that a platform runs as a whole. A new order is
// begun beside what runs; only when it is done does what is no longer wanted
// go, or, where it fails, what had begun.
type bundle struct {
	contents        string
	run             staging.RunState
	members, wanted []string
}

// order gives the platform an order, which cancels the one under way.
func (w *world) order(op plan.Op, dep *staging.Deployment) {
	b := w.bundles[op.Resource]
	if b == nil {
		b = &bundle{}
		w.bundles[op.Resource] = b
	}
	w.exists[op.Resource] = true
	if b.contents == op.Contents && b.run != staging.RunFailing {
		return
	}
	w.only(b, b.members)
	b.contents, b.run, b.wanted = op.Contents, staging.RunStarting, nil
	if op.Asleep {
		return
	}
	for _, m := range plan.Members(dep, op.Service) {
		b.wanted = append(b.wanted, m.Name)
		if !w.exists[m.Name] {
			w.nothingTooEarly(plan.Op{Kind: staging.ResourceWorkload, Resource: m.Name}, dep)
		}
		w.exists[m.Name] = true
	}
	w.oneServerEach()
}

// done ends the order under way.
func (w *world) done(name string, failed bool) {
	b := w.bundles[name]
	if b == nil || b.run != staging.RunStarting {
		return
	}
	if failed {
		b.run = staging.RunFailing
		w.only(b, b.members)
		return
	}
	w.only(b, b.wanted)
	b.members, b.run = b.wanted, staging.RunRunning
	if len(b.wanted) == 0 {
		b.run = staging.RunExited
	}
}

// only takes away all that b began or ran but those names.
func (w *world) only(b *bundle, names []string) {
	for _, name := range append(slices.Clone(b.members), b.wanted...) {
		if !slices.Contains(names, name) {
			delete(w.exists, name)
			delete(w.ready, name)
		}
	}
}

// remove deletes a bundle with all that is in it.
func (w *world) remove(name string) {
	if b := w.bundles[name]; b != nil {
		w.only(b, nil)
		delete(w.bundles, name)
	}
}

// observed is what the platform says of a bundle.
func (w *world) observed(name string) staging.Observation {
	o := staging.Observation{Presence: staging.Present, Run: staging.RunRunning}
	if b := w.bundles[name]; b != nil {
		o.Run, o.SpecHash = b.run, b.contents
	}
	if w.resting[name] {
		o.Run = staging.RunPaused
	}
	return o
}

// inPlace holds invariant 8 where a platform replaces services in place: some
// revision of what has a route runs, unless a person wanted none since it was
// switched.
func (w *world) inPlace() {
	led := w.rows[w.env.ID+"/route/0"].SpecHash
	if n, ok := w.env.Desired.Scale["web"]; ok && n == 0 {
		w.none = led
	}
	if w.none == led || !strings.Contains(led, "web=") || strings.Contains(led, "web=0") {
		return
	}
	names := slices.Collect(maps.Keys(w.exists))
	if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, w.env.ID+"/workload/web.") }) {
		w.t.Fatalf("routed, and nothing serves: %v", names)
	}
}

// serving holds at rest that exactly what was deployed last runs.
func (w *world) serving() {
	dep := w.byID(w.env.Deployed.Deployment)
	if !w.grain || dep == nil || !w.env.DeleteRequestedAt.IsZero() {
		return
	}
	for _, phase := range []string{plan.PhaseData, plan.PhaseApp} {
		for _, m := range plan.Members(dep, phase) {
			if w.exists[m.Name] != w.env.Awake {
				w.t.Fatalf("at rest, awake %v, and %s exists: %v", w.env.Awake, m.Name, w.exists[m.Name])
			}
		}
	}
	for name := range w.exists {
		if strings.HasPrefix(name, w.env.ID+"/workload/") && !strings.Contains(name, "/data.") && !strings.Contains(name, "."+dep.ID+".") {
			w.t.Fatalf("%s serves, and there is still %s", dep.ID, name)
		}
	}
}
