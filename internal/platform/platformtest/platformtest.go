// Package platformtest is the conformance suite of platform drivers: what the
// comments of platform.Driver promise, asked of a real one.
//
// It knows no platform. What a driver does not support is skipped by name.
package platformtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// World is where one test's drivers live: a folder, an engine, a cluster.
type World struct {
	// Open makes a driver on the same world each time: a second one is what a
	// new server has after the first was killed. The suite closes none.
	Open func(t *testing.T) platform.Driver
	// Command runs a program on this platform, Shell where there is one.
	Command func(p Program) staging.Command
	// Image is what Command runs in, where the platform runs images.
	Image string
	// Build describes a build that runs a program and leaves a file "built" with
	// the text in it; nil where the platform builds otherwise.
	Build func(t *testing.T, key string, p Program) *staging.BuildSpec
	// LimitsMemory ends a test where this host lets no memory be limited; nil
	// where every host does.
	LimitsMemory func(t *testing.T, d platform.Driver)
}

// limit bounds one test: far more than any driver needs on a busy machine.
const limit = 5 * time.Minute

// Run runs the suite; make gives each test a world of its own.
func Run(t *testing.T, make func(t *testing.T) World) {
	for _, c := range []struct {
		name string
		test func(*fixture)
	}{
		{"traits", traits},
		{"scope", scopeIsMadeOnce},
		{"endpoints are given once", endpoints},
		{"listing", listing},
		{"names from outside", namesFromOutside},
		{"absent", absent},
		{"a deleted scope leaves nothing", deletedScope},
		{"a task runs once", taskRunsOnce},
		{"a task is started by one of many", taskIsStartedByOne},
		{"a task that failed", taskFails},
		{"a task has a time limit", taskTimeLimit},
		{"a task has a limit of memory", taskMemoryLimit},
		{"a running task is adopted", taskIsAdopted},
		{"waiting is patient", waitingIsPatient},
		{"waiting for a deletion", waitingForDeletion},
		{"a workload runs", workloadRuns},
		{"a workload is adopted", workloadIsAdopted},
		{"a crash is answered by a new start", crash},
		{"an end that is for good", done},
		{"deletion kills what does not end", stubborn},
		{"what is thrown away with its data is not waited for", discard},
		{"an impatient apply", impatientApply},
		{"an impatient delete", impatientDelete},
		{"another specification", anotherSpecification},
		{"where connections may lead", confine},
		{"logs", logs},
		{"logs are followed over restarts", logsFollow},
		{"logs of one only", logsOfOne},
		{"exec", execute},
		{"exec is hung up", execIsHungUp},
		{"pause", pause},
		{"rest", rest},
		{"a workload is made ready", prepare},
		{"what was made ready comes to nothing", preparedInVain},
		{"build", build},
		{"a failed build", failedBuild},
		{"images of elsewhere", pulled},
		{"bundle", bundle},
		{"a bundle sleeps", bundleSleeps},
		{"a bundle of an older generation", bundleIsFenced},
		{"a bundle that fails", bundleFails},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			f := &fixture{T: t, World: make(t), ctx: ctx, owner: staging.NewID(staging.EnvironmentPrefix), other: staging.NewID(staging.EnvironmentPrefix)}
			f.Driver = f.Open(t)
			t.Cleanup(func() { f.clean(); cancel() })
			c.test(f)
		})
	}
}

// fixture is one test with its world.
type fixture struct {
	*testing.T
	World
	platform.Driver
	ctx context.Context
	// The owners of what a test makes: what is the whole host's may hold things
	// of another test under their names.
	owner, other string
}

// clean leaves the world empty, whatever a test left.
func (f *fixture) clean() {
	var all []staging.Observation
	for _, owner := range []string{f.owner, f.other} {
		found, err := f.List(f.ctx, owner)
		if err != nil {
			f.Errorf("list: %v", err)
		}
		all = append(all, found...)
	}
	for _, kind := range []staging.ResourceKind{staging.ResourceTask, staging.ResourceBuild, staging.ResourceWorkload,
		staging.ResourceBundle, staging.ResourceEndpoint, staging.ResourceScope} {
		for _, o := range all {
			if o.Kind == kind {
				if err := f.Delete(f.ctx, platform.Ref{Kind: o.Kind, Name: o.Name, Owner: o.Owner}); err != nil {
					f.Errorf("delete %s: %v", o.Name, err)
				}
			}
		}
	}
}

// again replaces the driver by another on the same world.
func (f *fixture) again() { f.Driver = f.Open(f.T) }

func (f *fixture) bundles() bool { return f.Traits().Grain == platform.GrainBundle }

func scope(owner string) platform.Resource {
	return platform.Resource{Kind: staging.ResourceScope, Name: owner + "/scope/0", Owner: owner, Generation: 1, SpecHash: "scope",
		Scope: &platform.Scope{Project: "shop", Environment: owner, Slug: strings.TrimPrefix(owner, "env_")}}
}

func endpoint(owner, service string) platform.Resource {
	return platform.Resource{Kind: staging.ResourceEndpoint, Name: owner + "/endpoint/" + service, Owner: owner, Generation: 1, SpecHash: service,
		Endpoint: &platform.Endpoint{Service: service, Port: 3000, Instance: service}}
}

func (f *fixture) spec(service string, role staging.Role, p Program) *staging.WorkloadSpec {
	return &staging.WorkloadSpec{Service: service, Role: role, Image: f.Image, Command: f.Command(p), Env: p.Env, StopGrace: 100 * time.Millisecond,
		Restart: role == staging.RoleService, Timeout: p.Timeout}
}

// hash stands for the hash of a specification, which the control plane makes.
func hash(spec *staging.WorkloadSpec) string {
	return strings.Join(append(slices.Clone(spec.Command.Args), spec.Command.Shell), " ")
}

func (f *fixture) task(name string, p Program) platform.Resource {
	spec := f.spec(name, staging.RoleTask, p)
	return platform.Resource{Kind: staging.ResourceTask, Name: f.owner + "/task/" + name, Owner: f.owner, Generation: 1, SpecHash: hash(spec), Workload: spec}
}

func (f *fixture) workload(name string, p Program) platform.Resource {
	spec := f.spec(name, staging.RoleService, p)
	return platform.Resource{Kind: staging.ResourceWorkload, Name: f.owner + "/workload/" + name, Owner: f.owner, Generation: 1, SpecHash: hash(spec), Workload: spec}
}

// order is how r is handed over: as it is, or as the only one of a bundle.
func (f *fixture) order(r platform.Resource) platform.Resource {
	if !f.bundles() || r.Kind != staging.ResourceWorkload {
		return r
	}
	return f.set(1, false, r)
}

func ref(r platform.Resource) platform.Ref {
	return platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
}

func (f *fixture) apply(r platform.Resource) staging.Observation {
	f.Helper()
	o, err := f.Apply(f.ctx, f.order(r))
	if err != nil {
		f.Fatalf("apply %s: %v", r.Name, err)
	}
	if o.Presence != staging.Present || o.Kind != f.order(r).Kind || o.Name != f.order(r).Name || o.Owner != r.Owner {
		f.Fatalf("apply %s answers %+v", r.Name, o)
	}
	return f.look(r)
}

// enter makes the scope of the first owner.
func (f *fixture) enter() {
	f.Helper()
	f.apply(scope(f.owner))
}

func (f *fixture) look(r platform.Resource) staging.Observation {
	f.Helper()
	o, err := f.Observe(f.ctx, ref(r))
	if err != nil {
		f.Fatalf("observe %s: %v", r.Name, err)
	}
	return o
}

func (f *fixture) delete(r platform.Resource) {
	f.Helper()
	if err := f.Delete(f.ctx, ref(f.order(r))); err != nil {
		f.Fatalf("delete %s: %v", r.Name, err)
	}
	if o := f.look(r); o.Presence != staging.Absent {
		f.Fatalf("deleted, and still %+v", o)
	}
}

// names lists an owner's inventory.
func (f *fixture) names(owner string) []string {
	f.Helper()
	all, err := f.List(f.ctx, owner)
	if err != nil {
		f.Fatalf("list: %v", err)
	}
	names := []string{}
	for _, o := range all {
		if owner != "" && o.Owner != owner {
			f.Errorf("the list of %s has %s of %s", owner, o.Name, o.Owner)
		}
		names = append(names, o.Name)
	}
	slices.Sort(names)
	return names
}

// until follows a resource by Wait alone until it is as wanted.
func (f *fixture) until(r platform.Resource, what string, wanted func(staging.Observation) bool) staging.Observation {
	f.Helper()
	o := f.look(r)
	for !wanted(o) {
		if f.ctx.Err() != nil {
			f.Fatalf("%s is never %s: %+v", r.Name, what, o)
		}
		var err error
		if o, err = f.Wait(f.ctx, ref(r), o); err != nil {
			f.Fatalf("wait for %s: %v", r.Name, err)
		}
	}
	return o
}

func running(o staging.Observation) bool { return o.Run == staging.RunRunning }
func exited(o staging.Observation) bool  { return o.Run == staging.RunExited }
func gone(o staging.Observation) bool    { return o.Presence == staging.Absent }

func (f *fixture) exit(r platform.Resource, code int) staging.Observation {
	f.Helper()
	o := f.until(r, "ended", exited)
	if o.ExitCode == nil || *o.ExitCode != code {
		f.Fatalf("%s ended as %+v (%v), want exit code %d", r.Name, o, o.ExitCode, code)
	}
	return o
}
