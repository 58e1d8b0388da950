package plan

import (
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// releasing is whether a release task runs now: the one thing that a newer
// deployment lets end, since a migration that is cut off half-way may leave
// what no tool can undo.
func (b *builder) releasing() bool {
	p := b.in.Current.Progress
	return p.ReleaseBegan && !p.ReleaseDone
}

// deploy goes on with the current deployment.
func (b *builder) deploy() {
	dep := b.in.Current
	b.plan.Phase = staging.PhaseDeploying
	if dep.Progress.Routed {
		b.takeOver(dep, b.leadAgain(dep), staging.OutcomeSucceeded)
		return
	}
	defer b.meanwhile(dep)
	files := b.ensure(checkout(dep), dep, staging.StepCheckout, dep.Cause)
	within := b.ensure(scope(dep.Environment), dep, "", "everything of an environment lives in its scope")
	if dep.Stack == nil {
		b.add(Op{Action: Read, Resource: checkout(dep).name, Deployment: dep.ID, Step: staging.StepManifest,
			Cause: "the stack is what the revision says"}, files)
		return
	}
	addresses := b.addresses(dep, within)
	built := b.built(dep, files, within)
	data := b.data(dep, within, addresses, built...)
	released := b.release(dep, built, addresses, data)
	healthy := b.start(dep, built, addresses, data, released)
	b.takeOver(dep, healthy, staging.OutcomeSucceeded)
	b.leave(dep)
}

// leadAgain switches the route once more where a new server does not have it:
// a deployment that ends well serves.
func (b *builder) leadAgain(dep *staging.Deployment) []string {
	if !b.in.Environment.Awake || b.there(route(dep.Environment).name) && !b.in.Holding {
		return nil
	}
	within := b.ensure(scope(dep.Environment), dep, "", "it is to serve")
	addresses := b.addresses(dep, within)
	return b.wakeServices(dep, within, addresses, b.data(dep, within, addresses))
}

// leave lets go of what earlier deployments left.
func (b *builder) leave(dep *staging.Deployment) {
	mine, serving := b.keep(dep, true), b.keep(b.in.Serving, true)
	b.dropAll(func(r staging.Resource) bool {
		return !mine[r.Name] && !serving[r.Name] && !Ran(r, b.in.Serving) && !strings.Contains(r.Name, dep.ID) && !b.keepsAside(r)
	}, "nothing needs it")
}

func (b *builder) addresses(dep *staging.Deployment, within []string) []string {
	var ids []string
	for _, d := range dep.Stack.Datastores {
		ids = append(ids, b.ensure(serverEndpoint(dep, d), dep, "", d.Name+" needs an address", within)...)
	}
	for _, s := range dep.Stack.Services {
		for _, it := range b.endpoints(dep, s) {
			ids = append(ids, b.ensure(it, dep, "", s.Name+" needs an address", within)...)
		}
	}
	if !b.in.Bundles {
		ids = append(ids, b.ensure(item{name: TaskEndpoint(dep.Environment), kind: staging.ResourceEndpoint}, dep, "", "tasks have a port of their own", within)...)
	}
	caught := b.ensure(item{name: MailEndpoint(dep.Environment), kind: staging.ResourceEndpoint, port: MailPort}, dep, "", "mail is caught at an address", within)
	ids = append(ids, b.ensure(mail(dep.Environment), dep, "", "services send mail to it", caught)...)
	if b.in.Doors {
		made := b.ensure(item{name: DoorEndpoint(dep.Environment), kind: staging.ResourceEndpoint}, dep, "", "its hosts lead somewhere inside", within)
		ids = append(ids, b.ensure(door(dep.Environment), dep, "", "services reach their own hosts through it", made)...)
	}
	for _, it := range links(dep) {
		address := item{name: LinkEndpoint(dep.Environment, it.service), kind: staging.ResourceEndpoint, service: it.service}
		made := b.ensure(address, dep, "", "link "+it.service+" needs an address", within)
		ids = append(ids, b.ensure(it, dep, "", "services reach "+it.service+" through it", made)...)
	}
	return ids
}

func (b *builder) built(dep *staging.Deployment, files, within []string) []string {
	if dep.Progress.Artifact != "" {
		return nil
	}
	if b.in.BuildsApart {
		within = nil
	}
	it := build(dep)
	begun := b.ensure(it, dep, staging.StepBuild, "no build of this tree is kept", files, within)
	return b.add(Op{Action: Await, Kind: it.kind, Resource: it.name, Deployment: dep.ID, Step: staging.StepBuild,
		Cause: "what runs is the build's result"}, begun)
}

// data brings up every clone and the servers that must run. Servers of the
// revision before give way to them after turn.
func (b *builder) data(dep *staging.Deployment, within, addresses []string, turn ...string) []string {
	var ids []string
	made := map[string][]string{}
	for _, it := range clones(dep) {
		made[it.service] = b.ensure(it, dep, staging.StepData, "the environment has data of its own", within)
		ids = append(ids, made[it.service]...)
	}
	if b.in.Bundles {
		return append(ids, b.serveBundle(dep, within, addresses, ids)...)
	}
	turn = append(slices.Clone(turn), ids...)
	up := map[string][]string{}
	for _, h := range holders(dep) {
		var first []string
		for _, name := range h.clones {
			first = append(first, made[name]...)
		}
		if h.built {
			first = append(first, turn...)
		}
		for _, name := range h.after {
			first = append(first, up[name]...)
		}
		up[h.service] = b.serve(dep, h, first, addresses, turn)
		ids = append(ids, up[h.service]...)
	}
	return ids
}

// release begins what is empty as its image does, marks the data, runs each
// release task once, then seeds what began empty.
func (b *builder) release(dep *staging.Deployment, before ...[]string) []string {
	p := dep.Progress
	flat := flatten(before)
	if p.Healthy {
		return flat
	}
	began := b.in.Empty && !b.keepsData(dep)
	if began && !p.ReleaseDone {
		for i := range dep.Stack.Init {
			flat = b.run(dep, task(dep, "init", i), staging.StepData, "the data began empty", flat)
		}
	}
	if len(dep.Stack.Release) > 0 && !p.ReleaseDone {
		flat = b.mark(dep, "the way back, should the release fail", flat)
		for i := range dep.Stack.Release {
			flat = b.run(dep, task(dep, "release", i), staging.StepRelease, "each deployment releases once", flat)
		}
	}
	if dep.Stack.Seed != nil && !p.SeedDone && began {
		flat = b.run(dep, task(dep, "seed", 0), staging.StepRelease, "the data began empty", flat)
	}
	return flat
}

// keepsData is whether dep works on data that another revision serves.
func (b *builder) keepsData(dep *staging.Deployment) bool {
	return b.in.Serving != nil && b.in.Serving.ID != dep.ID && DataSet(b.in.Serving) == DataSet(dep)
}

// run starts a task once and waits for its end. A task that was started and is
// nowhere to be seen has an unknown end: the executor's Await reports that.
func (b *builder) run(dep *staging.Deployment, it item, step staging.StepName, cause string, after []string) []string {
	if slices.Contains(dep.Progress.Ended, it.name) {
		return after
	}
	row, begun := b.rows[it.name]
	start := after
	if !begun || row.State == staging.ResourceIntended {
		start = b.ensure(it, dep, step, cause, after)
		if start == nil {
			start = after
		}
	}
	return b.add(Op{Action: Await, Kind: it.kind, Resource: it.name, Service: it.service, Instance: it.instance,
		Deployment: dep.ID, Step: step, Cause: cause}, start)
}

// start brings up the services. Those with a route overlap with the ones that
// serve; workers of the old revision stop before theirs start, so that no job
// is done by two.
func (b *builder) start(dep *staging.Deployment, before ...[]string) []string {
	flat := flatten(before)
	if dep.Progress.Healthy {
		return flat
	}
	if b.in.Bundles {
		return b.startBundle(dep, dep.Cause, flat)
	}
	up := rising{begun: map[string][]string{}, well: map[string][]string{}}
	var all []string
	for _, s := range startOrder(dep.Stack) {
		if s.Backing {
			continue // the data's
		}
		after := up.before(s, flat)
		if len(s.Ports) == 0 {
			stopped := b.stopOld(dep, s.Name, flat)
			after, all = append(after, stopped...), append(all, stopped...)
		}
		for _, it := range instances(dep, s) {
			if b.there(it.name) && b.in.Ready[it.name] {
				continue
			}
			begun := b.ensure(it, dep, staging.StepStart, dep.Cause, after)
			up.add(s, begun, b.add(Op{Action: Health, Kind: it.kind, Resource: it.name, Service: s.Name,
				Instance: it.instance, Deployment: dep.ID, Step: staging.StepHealth,
				Cause: "only what can serve gets a route"}, begun, after))
		}
		all = append(all, up.well[s.Name]...)
	}
	return append(all, flat...)
}

// rising are the operations that bring services up: those that begin their
// instances, and those that see that these are well.
type rising struct{ begun, well map[string][]string }

func (r rising) add(s staging.Service, begun, well []string) {
	r.begun[s.Name] = append(r.begun[s.Name], begun...)
	r.well[s.Name] = append(r.well[s.Name], well...)
}

// before are the operations that a service waits for, beside others.
func (r rising) before(s staging.Service, others []string) []string {
	after := append([]string{}, others...)
	for _, d := range s.DependsOn {
		if d.Started {
			after = append(after, r.begun[d.Name]...)
		} else {
			after = append(after, r.well[d.Name]...)
		}
	}
	return after
}

// stopOld ends what the revision before runs of a service that has no route,
// runs of a cron job too.
func (b *builder) stopOld(dep *staging.Deployment, service string, after []string) []string {
	old := b.in.Serving
	if old == nil || old.ID == dep.ID || old.Stack == nil {
		return nil
	}
	s, ok := old.Stack.Service(service)
	if !ok {
		return nil
	}
	var ids []string
	for _, it := range instances(old, s) {
		ids = append(ids, b.drop(it.name, service+" has no route and must not run twice", after)...)
	}
	for _, name := range b.names {
		if strings.HasPrefix(name, JobName(old, service)) {
			ids = append(ids, b.drop(name, "a newer "+service+" is being deployed", after)...)
		}
	}
	return ids
}

// takeOver switches the route and waits until nobody needs the revision before.
// What is left of it goes afterwards: whoever waits for the deployment does not
// wait for that.
func (b *builder) takeOver(dep *staging.Deployment, healthy []string, outcome staging.Outcome) {
	routed := healthy
	if name := route(dep.Environment).name; !dep.Progress.Routed || !b.there(name) {
		routed = b.add(Op{Action: Route, Kind: staging.ResourceRoute, Resource: name, Deployment: dep.ID,
			Step: staging.StepRoute, Cause: dep.Cause}, healthy)
	}
	after := routed
	if old := b.in.Serving; old != nil && old.ID != dep.ID {
		if !b.in.Drained || !dep.Progress.Routed {
			after = b.add(Op{Action: Drain, Resource: old.ID, Deployment: dep.ID, Step: staging.StepRoute,
				Cause: "requests under way end where they began"}, routed)
		}
		if old.Stack != nil {
			after = b.setAside(dep, old, after)
		}
	}
	after = b.announceHooks(dep, after)
	if !b.in.Environment.Awake {
		after = append(after, b.sleep(dep, after)...)
		if b.in.Bundles {
			after = append(after, b.rest(dep, after)...)
		}
		after = append(after, b.dropAll(func(r staging.Resource) bool { return r.Kind == staging.ResourceWorkload }, "asleep", after)...)
	}
	b.finish(dep, outcome, after)
}

// finish ends the deployment, and says in the same moment what the environment
// is then: whoever waits for the one sees the other.
func (b *builder) finish(dep *staging.Deployment, outcome staging.Outcome, after ...[]string) {
	op := Op{Action: Finish, Deployment: dep.ID, Outcome: outcome, Cause: "the deployment " + string(outcome)}
	serves := b.in.Serving != nil || dep.Progress.Routed
	switch {
	case outcome == staging.OutcomeSuperseded: // its successor says
	case serves && !b.in.Environment.Awake && b.in.Holding:
		op.Phase = staging.PhaseAsleep
	case outcome == staging.OutcomeSucceeded:
		op.Phase = staging.PhaseReady
	case serves:
		op.Phase = staging.PhaseDegraded
	default:
		op.Phase = staging.PhaseFailed
	}
	b.add(op, after...)
}

func flatten(lists [][]string) []string {
	var flat []string
	for _, l := range lists {
		flat = append(flat, l...)
	}
	return flat
}
