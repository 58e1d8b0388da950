package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

func (w *world) oneServerEach() {
	seen := map[string]string{}
	for name := range w.exists {
		rest, ok := strings.CutPrefix(name, w.env.ID+"/workload/data.")
		if !ok {
			continue
		}
		dir := rest[:strings.LastIndexByte(rest, '.')]
		if other := seen[dir]; other != "" {
			w.t.Fatalf("two servers on %s: %s and %s", dir, other, name)
		}
		seen[dir] = name
	}
}

// nothingTooEarly holds that code meets only data that answers, and only the
// schema that its release made.
func (w *world) nothingTooEarly(op plan.Op, dep *staging.Deployment) {
	if len(w.resting) > 0 {
		w.t.Fatalf("%s began while %v rest", op.Resource, w.resting)
	}
	if op.Kind != staging.ResourceTask && op.Kind != staging.ResourceWorkload || strings.Contains(op.Resource, "/workload/data.") {
		return
	}
	if dep.Outcome == staging.OutcomeRunning && dep.Progress.Artifact == "" {
		w.t.Fatalf("%s began before the build ended", op.Resource)
	}
	if op.Kind == staging.ResourceWorkload && !dep.Progress.ReleaseDone {
		w.t.Fatalf("%s began before the release ended", op.Resource)
	}
	// The variables of the one name the addresses of all.
	for _, s := range dep.Stack.Services {
		for i := range dep.Options.Replicas(dep.Stack, s) {
			for _, p := range s.Ports {
				name := plan.EndpointName(w.grain, dep, s.Name, i, p.Target)
				if w.rows[name].State != staging.ResourcePresent {
					w.t.Fatalf("%s began before %s was allotted", op.Resource, name)
				}
			}
		}
	}
	for _, name := range onData(dep.Stack) {
		prefix := w.env.ID + "/workload/data." + name + "."
		if !slices.ContainsFunc(slices.Collect(maps.Keys(w.ready)), func(n string) bool { return strings.HasPrefix(n, prefix) }) {
			w.t.Fatalf("%s began before %s answered", op.Resource, name)
		}
	}
}

// onData are the data servers and the backing services of a stack.
func onData(stack *staging.Stack) []string {
	var names []string
	for _, d := range stack.Datastores {
		names = append(names, d.Name)
	}
	for _, s := range stack.Services {
		if s.Backing {
			names = append(names, s.Name)
		}
	}
	return names
}

// dataServes holds that a data server goes only while nobody is sent to what
// needs it.
func (w *world) dataServes(name string) {
	if w.routed == "" || w.holding || w.grain || !w.env.DeleteRequestedAt.IsZero() {
		return
	}
	for _, service := range onData(w.byID(w.routed).Stack) {
		if strings.HasPrefix(name, fmt.Sprintf("%s/workload/data.%s.%d.", w.env.ID, service, plan.DataSet(w.byID(w.routed)))) {
			w.t.Fatalf("%s goes while %s serves on it", name, w.routed)
		}
	}
}

// stillServing holds invariant 8: what has a route runs, or requests are held.
func (w *world) stillServing() {
	if w.routed == "" || w.holding || !w.env.DeleteRequestedAt.IsZero() {
		return
	}
	if w.grain {
		w.inPlace()
		return
	}
	_, count, _ := strings.Cut(w.rows[w.env.ID+"/route/0"].SpecHash, "web=")
	n, _ := strconv.Atoi(count)
	if len(w.resting) > 0 {
		w.t.Fatalf("the route points at what rests: %v", w.resting)
	}
	for i := range n {
		if !w.exists[fmt.Sprintf("%s/workload/web.%s.%d", w.env.ID, w.routed, i)] {
			w.t.Fatalf("the route points at %d instances of %s, of which %d does not exist", n, w.routed, i)
		}
	}
}
