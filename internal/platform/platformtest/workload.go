package platformtest

import (
	"context"
	"errors"
	"slices"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

func workloadRuns(f *fixture) {
	f.enter()
	r := f.workload("web", Program{Say: []string{"begun"}, Stay: true})
	f.apply(r)
	first := f.until(r, "running", running)
	again := f.apply(r)
	if again.Ref != first.Ref || !again.StartedAt.Equal(first.StartedAt) || again.Restarts != first.Restarts {
		f.Errorf("%+v, then %+v", first, again)
	}
	f.delete(r)
	f.delete(r)
	if got := f.names(""); !slices.Equal(got, []string{scope(f.owner).Name}) {
		f.Errorf("left: %v", got)
	}
	f.apply(r)
	f.until(r, "running again", running)
}

func workloadIsAdopted(f *fixture) {
	f.enter()
	r := f.workload("web", Program{Say: []string{"begun"}, Stay: true})
	f.apply(r)
	first := f.until(r, "running", running)
	f.again()
	if o := f.apply(r); o.Ref != first.Ref || o.Run != staging.RunRunning {
		f.Errorf("was %+v, a new server has %+v", first, o)
	}
	f.said(r, 1)
	f.delete(r)
}

func crash(f *fixture) {
	if f.bundles() {
		f.Skip("a set that crashes is given up")
	}
	f.enter()
	r := f.workload("web", Program{Say: []string{"begun"}, Code: 1})
	f.apply(r)
	f.until(r, "started again", func(o staging.Observation) bool { return o.Restarts >= 2 })
	if o := f.until(r, "called failing", func(o staging.Observation) bool { return o.Run == staging.RunFailing }); o.Reason == "" {
		f.Errorf("nothing says how it ended: %+v", o)
	}
	f.delete(r)
}

// done holds that what ends well for good is not started again, and is there.
func done(f *fixture) {
	if f.bundles() {
		f.Skip("a set is as its services are")
	}
	f.enter()
	r := f.workload("setup", Program{Say: []string{"begun"}})
	spec := *r.Workload
	spec.Once = true
	r.Workload = &spec
	f.apply(r)
	o := f.until(r, "done", func(o staging.Observation) bool { return o.Run == staging.RunDone })
	if o.ExitCode == nil || *o.ExitCode != 0 || o.Restarts != 0 {
		f.Errorf("what is done is %+v", o)
	}
	f.again()
	if o := f.apply(r); o.Run != staging.RunDone || o.Presence != staging.Present {
		f.Errorf("a new server has %+v", o)
	}
	f.said(r, 1)
	f.delete(r)
	crashing := f.workload("crashing", Program{Say: []string{"begun"}, Code: 1})
	spec = *crashing.Workload
	spec.Once = true
	crashing.Workload = &spec
	f.apply(crashing)
	f.until(crashing, "started again", func(o staging.Observation) bool { return o.Restarts >= 1 })
	f.delete(crashing)
}

func stubborn(f *fixture) {
	f.enter()
	r := f.workload("web", Program{Say: []string{"begun"}, Stay: true, Stubborn: true})
	f.apply(r)
	f.until(r, "running", running)
	f.delete(r)
}

// discard holds that what is thrown away with its data need not be waited for.
func discard(f *fixture) {
	f.enter()
	r := f.workload("db", Program{Say: []string{"begun"}, Stay: true, Stubborn: true})
	spec := *r.Workload
	spec.StopGrace, spec.DiscardSignal = time.Hour, "SIGKILL"
	r.Workload = &spec
	f.apply(r)
	f.until(r, "running", running)
	gone := ref(f.order(r))
	gone.Discard = true
	if err := f.Delete(f.ctx, gone); err != nil {
		f.Fatal(err)
	}
	if o := f.look(r); o.Presence != staging.Absent {
		f.Errorf("it is %+v", o)
	}
}

// impatientApply holds that what was begun is not there or found, and that the
// next Apply goes on.
func impatientApply(f *fixture) {
	f.enter()
	r := f.workload("web", Program{Stay: true})
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, err := f.Apply(ctx, f.order(r))
	o := f.look(f.order(r))
	if err == nil && o.Presence != staging.Present {
		f.Errorf("apply said nothing, and it is %+v", o)
	}
	listed := slices.Contains(f.names(f.owner), f.order(r).Name)
	if o.Presence == staging.Present && !listed || o.Presence == staging.Unknown {
		f.Errorf("it is %+v, listed %v", o, listed)
	}
	f.apply(r)
	f.until(r, "running", running)
}

// impatientDelete holds that a delete whose context ends leaves something that
// is there or gone, never half of it, and that the next one ends it.
func impatientDelete(f *fixture) {
	f.enter()
	r := f.workload("web", Program{Stay: true, Stubborn: true})
	spec := *r.Workload
	spec.StopGrace = 2 * time.Second
	r.Workload = &spec
	f.apply(r)
	f.until(r, "running", running)
	ctx, cancel := context.WithTimeout(f.ctx, 100*time.Millisecond)
	defer cancel()
	if err := f.Delete(ctx, ref(f.order(r))); err == nil {
		if o := f.look(r); o.Presence != staging.Absent {
			f.Errorf("delete said nothing, and it is %+v", o)
		}
		return
	} else if !errors.Is(err, context.DeadlineExceeded) {
		f.Errorf("the error does not say that its time was over: %v", err)
	}
	if o := f.look(f.order(r)); o.Presence != staging.Present {
		f.Errorf("half gone: %+v", o)
	}
	f.delete(r)
}

func anotherSpecification(f *fixture) {
	f.enter()
	r := f.task("migrate", Program{})
	f.apply(r)
	r.SpecHash = "another"
	if _, err := f.Apply(f.ctx, r); err == nil {
		f.Error("another task of the same name was taken")
	}
	if f.bundles() {
		return
	}
	w := f.workload("web", Program{Stay: true})
	f.apply(w)
	w.SpecHash = "another"
	if _, err := f.Apply(f.ctx, w); err == nil {
		f.Error("another workload of the same name was taken")
	}
}

// set is a bundle of the services.
func (f *fixture) set(generation int64, asleep bool, members ...platform.Resource) platform.Resource {
	r := platform.Resource{Kind: staging.ResourceBundle, Name: f.owner + "/bundle/app", Owner: f.owner, Generation: generation,
		Bundle: &platform.Bundle{Phase: "app", Resources: members, Asleep: asleep}}
	for _, m := range members {
		r.SpecHash += m.Name + "=" + m.SpecHash + ";"
	}
	if asleep {
		r.SpecHash += "asleep"
	}
	return r
}
