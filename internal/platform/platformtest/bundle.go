package platformtest

import (
	"slices"

	"offshoot/internal/staging"
)

// needBundles skips where the driver takes orders one workload at a time.
func (f *fixture) needBundles() {
	f.Helper()
	if !f.bundles() {
		f.Skipf("%s takes orders of grain %s", f.Traits().Name, f.Traits().Grain)
	}
}

// bundle holds that a newer set replaces the older one, and that what is in
// both goes on.
func bundle(f *fixture) {
	f.needBundles()
	f.enter()
	kept, old, fresh := f.workload("kept", Program{Stay: true}), f.workload("old", Program{Stay: true}), f.workload("new", Program{Stay: true})
	f.apply(f.set(1, false, kept, old))
	f.until(f.set(1, false), "running", running)
	first := f.look(kept)
	if first.Run != staging.RunRunning {
		f.Errorf("a member of a running set is %+v", first)
	}
	f.apply(f.set(1, false, kept, old))
	f.again()
	f.apply(f.set(2, false, kept, fresh))
	f.until(f.set(2, false), "running the new set", func(o staging.Observation) bool {
		return running(o) && o.SpecHash == f.set(2, false, kept, fresh).SpecHash
	})
	if o := f.look(old); !gone(o) {
		f.Errorf("what is no longer in the set is %+v", o)
	}
	if o := f.look(kept); o.Ref != first.Ref || !o.StartedAt.Equal(first.StartedAt) {
		f.Errorf("what is in both was %+v and is %+v", first, o)
	}
	f.delete(f.set(2, false))
	if o := f.look(fresh); !gone(o) {
		f.Errorf("its set is deleted, and it is %+v", o)
	}
	if got := f.names(f.owner); !slices.Equal(got, []string{scope(f.owner).Name}) {
		f.Errorf("left: %v", got)
	}
}

func bundleSleeps(f *fixture) {
	f.needBundles()
	f.enter()
	web := f.workload("web", Program{Stay: true})
	f.apply(f.set(1, false, web))
	f.until(f.set(1, false), "running", running)
	f.apply(f.set(1, true, web))
	f.until(f.set(1, true), "asleep", exited)
	if o := f.look(web); running(o) {
		f.Errorf("asleep, and %+v", o)
	}
	f.apply(f.set(1, false, web))
	f.until(f.set(1, false), "awake", running)
	if o := f.look(web); !running(o) {
		f.Errorf("awake, and %+v", o)
	}
}

func bundleIsFenced(f *fixture) {
	f.needBundles()
	f.enter()
	old, fresh := f.workload("old", Program{Stay: true}), f.workload("new", Program{Stay: true})
	f.apply(f.set(5, false, fresh))
	if _, err := f.Apply(f.ctx, f.set(4, false, old)); staging.CodeOf(err) != staging.CodeSuperseded {
		f.Errorf("an older generation was answered with %v", err)
	}
	f.until(f.set(5, false), "running", running)
	if o := f.look(old); !gone(o) {
		f.Errorf("the older generation's is %+v", o)
	}
}

// bundleFails holds that a set which cannot come up says so, and leaves what
// ran before.
func bundleFails(f *fixture) {
	f.needBundles()
	f.enter()
	good, bad := f.workload("good", Program{Stay: true}), f.workload("bad", Program{Code: 1})
	f.apply(f.set(1, false, good))
	f.until(f.set(1, false), "running", running)
	first := f.look(good)
	if _, err := f.Apply(f.ctx, f.set(2, false, bad)); err != nil {
		f.Fatal(err)
	}
	if o := f.until(f.set(2, false), "failing", func(o staging.Observation) bool { return o.Run == staging.RunFailing }); o.Reason == "" {
		f.Errorf("nothing says why: %+v", o)
	}
	if o := f.look(good); o.Ref != first.Ref || !running(o) {
		f.Errorf("what ran before was %+v and is %+v", first, o)
	}
	f.apply(f.set(3, false, good))
	f.until(f.set(3, false), "as it was", running)
	if o := f.look(good); !o.StartedAt.Equal(first.StartedAt) {
		f.Errorf("the way back started again what runs: %+v, was %+v", o, first)
	}
}
