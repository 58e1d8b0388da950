package fake

import (
	"slices"
	"strconv"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// applyBundle begins to bring a set about, as a stack of a provider does: what
// is new is started beside what runs, and only when all of it is up does what
// is no longer wanted go. The newer order cancels the older one's rest.
func (w *World) applyBundle(r platform.Resource) error {
	if r.Bundle == nil || w.options.Grain != platform.GrainBundle {
		return staging.Errorf(staging.CodeInternal, "", "%s is not what this platform takes", r.Name)
	}
	t := w.things[r.Name]
	switch {
	case t == nil:
		w.last++
		t = &thing{resource: r, seen: staging.Observation{Kind: r.Kind, Name: r.Name, Owner: r.Owner, Presence: staging.Present, Ref: strconv.Itoa(w.last)}}
		w.things[r.Name] = t
	case r.Generation < t.resource.Generation:
		return staging.Errorf(staging.CodeSuperseded, "", "%s is at generation %d already", r.Name, t.resource.Generation)
	case t.resource.SpecHash == r.SpecHash && t.seen.Run != staging.RunFailing:
		t.resource.Generation = r.Generation
		return nil
	}
	t.stopTimers()
	for name, o := range w.things { // what an order that is given up had begun
		if o.bundle == r.Name && !slices.Contains(t.members, name) {
			o.stopTimers()
			delete(w.things, name)
		}
	}
	t.resource = r
	t.seen.Run, t.seen.Reason, t.seen.SpecHash = staging.RunStarting, "", r.SpecHash
	if !r.Bundle.Asleep {
		for _, m := range r.Bundle.Resources {
			w.member(r.Name, m)
		}
	}
	w.later(t, settleAfter, func() { w.settle(t) })
	w.change()
	return nil
}

// member starts one of a set unless it runs already.
func (w *World) member(bundle string, r platform.Resource) {
	if w.things[r.Name] != nil || r.Workload == nil {
		return
	}
	w.last++
	t := &thing{resource: r, bundle: bundle, does: w.options.Behave(*r.Workload), seen: staging.Observation{Kind: r.Kind, Name: r.Name, Owner: r.Owner,
		Presence: staging.Present, Ref: strconv.Itoa(w.last), SpecHash: r.SpecHash}}
	w.things[r.Name] = t
	w.begin(t)
}

// settle ends an order: the new set, or, where something of it does not stay
// up, the one before.
func (w *World) settle(t *thing) {
	defer w.change()
	var wanted []string
	failed := ""
	for _, m := range t.resource.Bundle.Resources {
		if t.resource.Bundle.Asleep {
			break
		}
		wanted = append(wanted, m.Name)
		if o := w.things[m.Name]; o == nil || o.seen.Run != staging.RunRunning {
			failed = m.Name
		}
	}
	if failed != "" {
		t.seen.Run, t.seen.Reason = staging.RunFailing, failed+" does not stay up"
		wanted = t.members
	} else {
		t.members, t.seen.Run = wanted, staging.RunRunning
		if t.resource.Bundle.Asleep {
			t.seen.Run = staging.RunExited
		}
	}
	for name, o := range w.things {
		if o.bundle == t.resource.Name && !slices.Contains(wanted, name) {
			o.stopTimers()
			delete(w.things, name)
		}
	}
}
