package plan_test

import (
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

var seed = staging.Task{Name: "seed", Command: staging.Command{Shell: "./bin/seed"}}

func stack(version string) *staging.Stack {
	return &staging.Stack{
		Services: []staging.Service{
			{Name: "worker", Replicas: 1, DependsOn: []staging.Dependency{{Name: "web"}}},
			{Name: "web", Replicas: 2, Ports: []staging.Port{{Target: 3000}}, DependsOn: []staging.Dependency{{Name: "db"}}},
			{Name: "cron", Schedule: "* * * * *"},
			{Name: "mysql", Image: "mysql:" + version, Backing: true, Replicas: 1, Ports: []staging.Port{{Target: 3306}}, DependsOn: []staging.Dependency{{Name: "db"}},
				Mounts: []staging.Mount{{Kind: staging.MountVolume, Source: "mysql"}}},
		},
		Datastores: []staging.Datastore{{Name: "db", Kind: "postgres", Version: version}, {Name: "cache", Kind: "redis"}},
		Volumes:    []staging.Volume{{Name: "uploads", Clone: true}, {Name: "mysql", Clone: true}},
		Release:    []staging.Task{{Name: "migrate"}, {Name: "index"}},
		Seed:       &seed,
		Init:       []staging.Task{{Name: "db.init"}},
		Links:      []staging.Link{{Name: "billing", Project: "billing"}, {Name: "fixed", URL: "https://example.com"}},
		Hooks: staging.Hooks{AfterCreate: []staging.Command{{Shell: "a"}}, AfterDeploy: []staging.Command{{Shell: "b"}, {Shell: "c"}},
			BeforeDestroy: []staging.Command{{Shell: "d"}}},
		Primary: "web",
	}
}

// world is a model of everything outside the planner: the store, and what
// really exists.
type world struct {
	t      *rapid.T
	env    staging.Environment
	deps   []*staging.Deployment
	rows   map[string]staging.Resource
	exists map[string]bool
	ready  map[string]bool
	// prepared are made ready to start, where the platform prepares.
	prepared map[string]bool
	prepares bool
	// slow and apart are what the platform says of its starts and builds.
	slow, apart bool
	// rests is whether the platform lets what sleeps rest, resting what does.
	rests   bool
	resting map[string]bool
	holding bool
	drained bool
	routed  string
	// none is where the route led when a person last wanted no web service.
	none    string
	started map[string]int
	version string
	failing string
	blind   bool
	// grain is whether the platform takes bundles, which are these.
	grain   bool
	bundles map[string]*bundle
	// doors is whether names lead to addresses of their own there.
	doors bool
	// backwards does first what a plan names last.
	backwards bool
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, env: staging.Environment{ID: "env_a", Awake: true}, rows: map[string]staging.Resource{},
		exists: map[string]bool{}, ready: map[string]bool{}, prepared: map[string]bool{}, prepares: rapid.Bool().Draw(t, "prepares"), slow: rapid.Bool().Draw(t, "slow"), apart: rapid.Bool().Draw(t, "apart"),
		rests: rapid.Bool().Draw(t, "rests"), resting: map[string]bool{}, started: map[string]int{}, version: "15",
		bundles: map[string]*bundle{}, grain: rapid.Bool().Draw(t, "bundles"), doors: rapid.Bool().Draw(t, "doors")}
	w.rows["env_b/workload/web"] = staging.Resource{Name: "env_b/workload/web", Owner: "env_b", Kind: staging.ResourceWorkload}
	w.exists["env_b/workload/web"] = true
	w.deploy()
	return w
}

func (w *world) current() *staging.Deployment { return w.deps[len(w.deps)-1] }

func (w *world) byID(id string) *staging.Deployment {
	for _, d := range w.deps {
		if d.ID == id {
			return d
		}
	}
	return nil
}

func (w *world) deploy() {
	w.env.Generation++
	id := "dep_" + strconv.Itoa(len(w.deps))
	// A running one is ended by recovery first, as the control plane does: its
	// successor waits until then.
	w.deps = append(w.deps, &staging.Deployment{ID: id, Environment: w.env.ID, Generation: w.env.Generation,
		Revision: staging.Revision{ID: "rev" + id}, Options: w.env.Desired, Outcome: staging.OutcomeRunning, Cause: "push"})
}

// input shows the planner the oldest running deployment, else the latest.
func (w *world) input() plan.Input {
	cur := w.current()
	for _, d := range w.deps {
		if d.Outcome == staging.OutcomeRunning {
			cur = d
			break
		}
	}
	for _, d := range w.deps { // as whoever observes shows them
		d.Options.Scale = w.env.Desired.Scale
	}
	in := plan.Input{Environment: w.env, Current: cur, Serving: w.byID(w.env.Deployed.Deployment),
		Observed: map[string]staging.Observation{}, Ready: w.ready, Holding: w.holding, Drained: w.drained, Empty: true, Bundles: w.grain, Doors: w.doors, Prepares: w.prepares, StartsSlowly: w.slow, BuildsApart: w.apart, Prepared: w.prepared, Rests: w.rests}
	for name, row := range w.rows {
		in.Ledger = append(in.Ledger, row)
		switch {
		case w.blind:
		case w.exists[name]:
			in.Observed[name] = w.observed(name)
		default:
			in.Observed[name] = staging.Observation{Presence: staging.Absent}
		}
	}
	return in
}

// do carries out one operation, or half of it: a crash after the row was
// written, or after the effect.
func (w *world) do(op plan.Op, crash int) {
	dep := w.byID(op.Deployment)
	if strings.HasPrefix(op.Resource, "env_b") {
		w.t.Fatalf("touched what is not its own: %+v", op)
	}
	switch op.Action {
	case plan.Prepare:
		if w.exists[op.Resource] || dep.Progress.Artifact == "" || w.prepared[op.Resource] {
			w.t.Fatalf("made ready although it is, or from nothing: %+v", op)
		}
		w.rows[op.Resource] = staging.Resource{Name: op.Resource, Owner: w.env.ID, Kind: op.Kind, State: staging.ResourceIntended}
		w.prepared[op.Resource] = true
	case plan.Apply:
		delete(w.prepared, op.Resource)
		w.rows[op.Resource] = staging.Resource{Name: op.Resource, Owner: w.env.ID, Kind: op.Kind, State: staging.ResourceIntended, SpecHash: op.Contents}
		if w.grain && op.Kind == staging.ResourceWorkload {
			w.t.Fatalf("the platform takes bundles, not %s", op.Resource)
		}
		if crash == 1 {
			return
		}
		if op.Kind == staging.ResourceTask {
			if strings.Contains(op.Resource, ".release.") {
				dep.Progress.ReleaseBegan = true
			}
			if w.started[op.Resource]++; w.started[op.Resource] > 1 && !w.exists[op.Resource] {
				w.t.Fatalf("started twice: %s", op.Resource)
			}
		}
		if op.Kind == staging.ResourceBundle {
			w.order(op, dep)
		}
		w.exists[op.Resource] = true
		w.oneServerEach()
		w.nothingTooEarly(op, dep)
		if crash == 2 {
			return
		}
		row := w.rows[op.Resource]
		row.State = staging.ResourcePresent
		w.rows[op.Resource] = row
	case plan.Read:
		dep.Stack = stack(w.version)
	case plan.Await:
		if op.Kind == staging.ResourceBundle {
			// What is started again for a deployment that failed does start.
			failed := w.failing != "" && w.failing == string(op.Step) && dep.Outcome == staging.OutcomeRunning && dep.Failure == nil && op.Service == plan.PhaseApp
			if w.done(op.Resource, failed); failed {
				dep.Failure = &staging.Failure{Step: op.Step}
			}
			return
		}
		if w.failing == string(op.Step) {
			dep.Failure = &staging.Failure{Step: op.Step}
			return
		}
		if op.Kind == staging.ResourceTask {
			dep.Progress.Ended = append(dep.Progress.Ended, op.Resource)
		}
		switch {
		case op.Kind == staging.ResourceBuild:
			dep.Progress.Artifact = "artifact"
		case op.Service == "release" && op.Instance == len(dep.Stack.Release)-1:
			dep.Progress.ReleaseDone = true
		case op.Service == "seed":
			dep.Progress.SeedDone = true
		}
	case plan.Ready, plan.Health:
		if op.Action == plan.Health && w.failing == "health" && dep.Outcome == staging.OutcomeRunning {
			dep.Failure = &staging.Failure{Step: staging.StepHealth}
			return
		}
		w.ready[op.Resource] = true
	case plan.Delete:
		w.dataServes(op.Resource)
		w.remove(op.Resource)
		delete(w.exists, op.Resource)
		delete(w.ready, op.Resource)
		delete(w.prepared, op.Resource)
		delete(w.resting, op.Resource)
		if crash == 0 {
			delete(w.rows, op.Resource)
		}
	case plan.Mark:
		dep.Progress.Mark = op.Resource
		w.rows[op.Resource] = staging.Resource{Name: op.Resource, Owner: w.env.ID, Kind: op.Kind, State: staging.ResourcePresent}
		w.exists[op.Resource] = true
	case plan.Compare:
		dep.Progress.Schema = rapid.SampledFrom([]staging.SchemaChange{staging.SchemaChanged, staging.SchemaSame}).Draw(w.t, "schema")
	case plan.Restore:
		if dep.Progress.Schema != staging.SchemaChanged {
			w.t.Fatalf("data goes back although the schema is %q", dep.Progress.Schema)
		}
		for name := range w.exists {
			if strings.Contains(name, "/workload/data.") && strings.HasPrefix(name, w.env.ID) {
				w.t.Fatalf("restored under a running server %s", name)
			}
		}
		if w.routed != "" && !w.grain && !w.holding {
			w.t.Fatalf("restored while requests come to %s", w.routed)
		}
		dep.Progress.Restored = true
	case plan.Route:
		w.holding = false
		w.routed = dep.ID
		dep.Progress.Healthy, dep.Progress.Routed = true, true
		w.rows[op.Resource] = staging.Resource{Name: op.Resource, Owner: w.env.ID, Kind: op.Kind, State: staging.ResourcePresent, SpecHash: plan.Destination(dep)}
		w.exists[op.Resource] = true
		w.drained = false
	case plan.Drain:
		w.drained = true
	case plan.Hold:
		w.holding = true
	case plan.Rest:
		if !w.rests || !w.holding || w.env.Awake {
			w.t.Fatalf("laid to rest although it is to serve: %+v", w.env)
		}
		for _, name := range w.running() {
			w.resting[name] = true
		}
	case plan.Resume:
		clear(w.resting)
	case plan.SetAside:
		delete(w.rows, op.Resource)
		delete(w.exists, op.Resource)
		name := strings.Replace(op.Resource, "/clone/", "/aside/", 1)
		w.rows[name] = staging.Resource{Name: name, Owner: w.env.ID, Kind: staging.ResourceAside, State: staging.ResourcePresent}
		w.exists[name] = true
	case plan.Finish:
		dep.Outcome = op.Outcome
		if dep.Progress.Routed {
			w.env.Deployed.Deployment = dep.ID
		}
	case plan.Vanish:
		w.env.Phase = staging.PhaseDestroyed
	}
}

func (w *world) settle() {
	for range 400 {
		p := plan.Next(w.input())
		ops := p.Startable()
		if len(ops) == 0 {
			if len(p.Ops) > 0 && !w.blind {
				w.t.Fatalf("stuck: %v %+v", p.Waiting, p.Ops)
			}
			return
		}
		op := rapid.SampledFrom(ops).Draw(w.t, "op")
		if w.backwards {
			op = ops[len(ops)-1]
		}
		w.do(op, 0)
		w.stillServing()
	}
	w.t.Fatalf("does not converge: %+v", plan.Next(w.input()).Startable())
}
