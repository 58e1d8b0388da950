package platformtest

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

func traits(f *fixture) {
	t := f.Traits()
	if t.Name == "" || t.Isolation == "" || t.Grain != platform.GrainWorkload && t.Grain != platform.GrainBundle {
		f.Errorf("%+v", t)
	}
	f.again()
	if again := f.Traits(); again.Name != t.Name || again.Grain != t.Grain || again.NamesResolve != t.NamesResolve || again.OwnPorts != t.OwnPorts || again.EndsWithHost != t.EndsWithHost {
		f.Errorf("a new server's driver is another: %+v, was %+v", again, t)
	}
}

func scopeIsMadeOnce(f *fixture) {
	first, again := f.apply(scope(f.owner)), f.apply(scope(f.owner))
	if first.Ref != again.Ref {
		f.Errorf("made twice: %+v, %+v", first, again)
	}
	f.delete(scope(f.owner))
	if left := f.names(""); len(left) != 0 {
		f.Errorf("left: %v", left)
	}
}

func endpoints(f *fixture) {
	f.enter()
	f.apply(scope(f.other))
	seen := map[string]string{}
	for _, r := range []platform.Resource{endpoint(f.owner, "web"), endpoint(f.owner, "db"), endpoint(f.other, "web")} {
		o := f.apply(r)
		_, port, err := net.SplitHostPort(o.Address)
		if err != nil {
			f.Errorf("%s has the address %q: %v", r.Name, o.Address, err)
		}
		if own := port == strconv.Itoa(r.Endpoint.Port); f.Traits().OwnPorts && !own {
			f.Errorf("what listens on %d is at %s", r.Endpoint.Port, o.Address)
		}
		if other := seen[o.Address]; other != "" {
			f.Errorf("%s and %s have the same address %s", r.Name, other, o.Address)
		}
		seen[o.Address] = r.Name
		if again := f.apply(r); again.Address != o.Address {
			f.Errorf("%s moved from %s to %s", r.Name, o.Address, again.Address)
		}
	}
	f.again()
	for address, name := range seen {
		owner, _, _ := strings.Cut(name, "/")
		if o := f.look(platform.Resource{Kind: staging.ResourceEndpoint, Name: name, Owner: owner}); o.Address != address {
			f.Errorf("a new server finds %s at %q, was %s", name, o.Address, address)
		}
	}
	f.delete(endpoint(f.owner, "web"))
	f.delete(endpoint(f.owner, "web"))
	if o := f.look(endpoint(f.owner, "db")); o.Presence != staging.Present {
		f.Errorf("another endpoint went along: %+v", o)
	}
}

func listing(f *fixture) {
	if all := f.names(f.owner); len(all) != 0 {
		f.Errorf("nothing was made, and the list has %v", all)
	}
	f.enter()
	f.apply(scope(f.other))
	stay := f.workload("web", Program{Stay: true})
	done := f.task("migrate", Program{})
	f.apply(stay)
	f.apply(done)
	f.exit(done, 0)
	f.apply(endpoint(f.owner, "web"))
	want := []string{scope(f.owner).Name, f.order(stay).Name, done.Name, endpoint(f.owner, "web").Name}
	slices.Sort(want)
	if got := f.names(f.owner); !slices.Equal(got, want) {
		f.Errorf("the list has %v, want %v", got, want)
	}
	if got := f.names(f.other); !slices.Equal(got, []string{scope(f.other).Name}) {
		f.Errorf("the list of the other owner has %v", got)
	}
	f.again()
	if got := f.names(""); len(got) != len(want)+1 {
		f.Errorf("a new server finds %v", got)
	}
}

func namesFromOutside(f *fixture) {
	f.enter()
	for _, r := range []platform.Ref{
		{Kind: staging.ResourceScope, Owner: "..", Name: "../scope/0"},
		{Kind: staging.ResourceTask, Owner: f.owner, Name: f.other + "/task/x"},
		{Kind: staging.ResourceTask, Owner: f.owner, Name: f.owner + "/task/../../x"},
		{Kind: staging.ResourceTask, Owner: f.owner, Name: f.owner + "/workload/x"},
		{Kind: staging.ResourceWorkload, Owner: f.owner, Name: f.owner + "/workload/"},
	} {
		if err := f.Delete(f.ctx, r); err == nil {
			f.Errorf("delete %q of %q was taken", r.Name, r.Owner)
		}
		if _, err := f.Observe(f.ctx, r); err == nil {
			f.Errorf("observe %q of %q was taken", r.Name, r.Owner)
		}
		if _, err := f.Apply(f.ctx, platform.Resource{Kind: r.Kind, Name: r.Name, Owner: r.Owner, SpecHash: "x",
			Workload: f.spec("x", staging.RoleTask, Program{})}); err == nil {
			f.Errorf("apply %q of %q was taken", r.Name, r.Owner)
		}
	}
	if got := f.names(""); !slices.Equal(got, []string{scope(f.owner).Name}) {
		f.Errorf("there is %v", got)
	}
}

// absent holds that what is not there is absent, not unknown, and no error.
func absent(f *fixture) {
	f.enter()
	for _, r := range []platform.Resource{scope(f.other), endpoint(f.owner, "web"), endpoint(f.other, "web"), f.task("migrate", Program{}),
		f.workload("web", Program{}), {Kind: staging.ResourceBuild, Name: f.owner + "/build/x", Owner: f.owner}} {
		if o := f.look(r); o.Presence != staging.Absent {
			f.Errorf("%s was never made and is %+v", r.Name, o)
		}
		if err := f.Delete(f.ctx, ref(f.order(r))); err != nil {
			f.Errorf("delete %s: %v", r.Name, err)
		}
	}
}

func deletedScope(f *fixture) {
	f.enter()
	f.apply(scope(f.other))
	web := f.workload("web", Program{Stay: true})
	f.apply(web)
	f.apply(f.task("hang", Program{Stay: true}))
	f.apply(endpoint(f.owner, "web"))
	f.until(web, "running", running)
	f.delete(scope(f.owner))
	if left := f.names(f.owner); len(left) != 0 {
		f.Errorf("left: %v", left)
	}
	if got := f.names(""); !slices.Equal(got, []string{scope(f.other).Name}) {
		f.Errorf("there is %v", got)
	}
}
