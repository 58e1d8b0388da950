package plan

import (
	"slices"
	"time"

	"offshoot/internal/staging"
)

// settle is the plan where no deployment runs: keep up what serves, or keep it
// asleep, and let go of everything else.
func (b *builder) settle() {
	env, dep := b.in.Environment, b.in.Serving
	b.plan.Phase = b.restingPhase()
	kept := b.keep(dep, env.Awake || b.rests())
	var before []string
	if dep != nil && dep.Stack != nil {
		if env.Awake {
			before = b.wake(dep)
		} else {
			before = b.sleep(dep)
			if b.in.Bundles {
				before = append(before, b.rest(dep, before)...)
			}
			if b.rests() {
				b.lieDown(dep, kept, before)
			}
		}
	}
	if env.Awake && !b.in.Drained && b.parts(kept) {
		before = append(before, b.add(Op{Action: Drain, Resource: dep.ID, Deployment: dep.ID,
			Cause: "requests under way end where they began"}, before)...)
	}
	cause := "nothing needs it"
	if !env.Awake {
		cause = "asleep"
	}
	b.dropAll(func(r staging.Resource) bool {
		return !kept[r.Name] && !b.keepsAside(r)
	}, cause, before)
	if b.plan.Phase == staging.PhaseAsleep && len(b.plan.Ops) > 0 {
		b.plan.Phase = env.Phase // asleep is said when nothing runs
	}
}

// parts is whether something that may still answer requests is let go.
func (b *builder) parts(kept map[string]bool) bool {
	for _, name := range b.names {
		if r := b.rows[name]; r.Kind == staging.ResourceWorkload && !isData(name) && !kept[name] {
			return b.in.Serving != nil && b.in.Serving.Stack != nil
		}
	}
	return false
}

// down is why a service or data server of dep cannot do its work, "" where all
// can. A service is down when none of its instances is up.
func (b *builder) down(dep *staging.Deployment) string {
	for _, d := range dep.Stack.Datastores {
		if !b.up(server(dep, d)) {
			return "datastore " + d.Name + " is down"
		}
	}
	for _, s := range dep.Stack.Services {
		if items := instances(dep, s); len(items) > 0 && !slices.ContainsFunc(items, b.up) {
			return "service " + s.Name + " is down"
		}
	}
	return ""
}

// recovered is how long what has crashed must run to count as up again.
const recovered = 10 * time.Second

func (b *builder) up(it item) bool {
	o := b.in.Observed[it.name]
	if o.Restarts > 0 && b.in.Now.Sub(o.StartedAt) < recovered {
		return false
	}
	answers := b.in.Ready[it.name] || b.trusted(o)
	if b.in.Bundles {
		return answers
	}
	return b.there(it.name) && answers && (o.Run == staging.RunRunning || o.Run == staging.RunPaused || o.Run == staging.RunDone)
}

// trusted is whether what runs was up when an earlier server asked it: until it
// is asked again, and does not answer, nobody is alarmed.
func (b *builder) trusted(o staging.Observation) bool {
	env := b.in.Environment
	return env.Phase == staging.PhaseReady && env.Reason == "" && o.Restarts == 0
}

func (b *builder) restingPhase() staging.Phase {
	env, dep := b.in.Environment, b.in.Current
	failed := dep != nil && dep.Outcome == staging.OutcomeFailed
	switch {
	case b.in.Serving == nil && failed:
		return staging.PhaseFailed
	case b.in.Serving == nil:
		return staging.PhaseQueued
	case !env.Awake:
		return staging.PhaseAsleep
	case failed:
		return staging.PhaseDegraded
	}
	return staging.PhaseReady
}

// wake starts what is not there: after sleep, a host's restart or a crash.
func (b *builder) wake(dep *staging.Deployment) []string {
	within := b.ensure(scope(dep.Environment), dep, "", "waking")
	addresses := b.addresses(dep, within)
	data := b.data(dep, within, addresses)
	all := b.wakeServices(dep, within, addresses, data)
	env, reason := b.in.Environment, b.down(dep)
	switch {
	case b.in.Holding && (env.Phase != staging.PhaseReady || reason != "" || b.begins()):
		b.plan.Phase = staging.PhaseWaking
	case reason == "":
	case env.Phase == staging.PhaseWaking && env.Reason == "":
		b.plan.Phase = staging.PhaseWaking // what no request waits for is still to come
	default:
		b.plan.Phase = staging.PhaseDegraded
		b.wait(reason)
	}
	return all
}

// begins is whether the plan starts anything. What the server itself listens on
// ends with it, and is there again at once.
func (b *builder) begins() bool {
	return slices.ContainsFunc(b.plan.Ops, func(op Op) bool {
		return op.Action == Apply && !op.Kind.IsListener()
	})
}

// wakeServices starts what has code of dep, and routes to it again.
func (b *builder) wakeServices(dep *staging.Deployment, ready ...[]string) []string {
	before := flatten(ready)
	if b.in.Bundles {
		return b.reroute(dep, b.startBundle(dep, "waking", before))
	}
	up := rising{begun: map[string][]string{}, well: map[string][]string{}}
	// A request waits for what it may ask, not for workers.
	var routed, workers []string
	for _, s := range startOrder(dep.Stack) {
		if s.Backing {
			continue // the data's
		}
		after := up.before(s, before)
		for _, it := range instances(dep, s) {
			if b.there(it.name) && b.in.Ready[it.name] {
				continue
			}
			begun := b.ensure(it, dep, staging.StepStart, "waking", after)
			up.add(s, begun, b.add(Op{Action: Health, Kind: it.kind, Resource: it.name, Service: s.Name,
				Instance: it.instance, Deployment: dep.ID, Step: staging.StepHealth, Cause: "waking"}, begun, after))
		}
		if len(s.Ports) > 0 {
			routed = append(routed, up.well[s.Name]...)
		} else {
			workers = append(workers, up.well[s.Name]...)
		}
	}
	return append(b.reroute(dep, append(routed, before...)), workers...)
}

// reroute leads the hosts to dep unless they do already.
func (b *builder) reroute(dep *staging.Deployment, up []string) []string {
	if name := route(dep.Environment).name; b.in.Holding || !b.there(name) || b.rows[name].SpecHash != Destination(dep) {
		return b.add(Op{Action: Route, Kind: staging.ResourceRoute, Resource: name, Deployment: dep.ID,
			Step: staging.StepRoute, Cause: "awake"}, up)
	}
	return up
}

// sleep lets nothing stop before the edge holds what comes.
func (b *builder) sleep(dep *staging.Deployment, after ...[]string) []string {
	if b.in.Holding {
		return nil
	}
	return b.add(Op{Action: Hold, Resource: route(dep.Environment).name, Deployment: dep.ID, Cause: "asleep"}, after...)
}

// meanwhile lets the revision before go on while a deployment runs: where
// somebody asks for it although it sleeps, since nobody waits for a build, and
// where its data is served by the new servers now. Once the release has ended
// the new revision is as near as one that must start first, and where the data
// is replaced there is nothing to wake.
func (b *builder) meanwhile(dep *staging.Deployment) {
	old := b.in.Serving
	if !b.in.Environment.Awake || !b.in.Holding || old == nil || old.ID == dep.ID || old.Stack == nil || DataSet(old) != DataSet(dep) {
		return
	}
	within := b.ensure(scope(old.Environment), old, "", "waking")
	addresses := b.addresses(old, within)
	if dep.Stack == nil {
		b.wakeServices(old, within, addresses, b.data(old, within, addresses))
		return
	}
	if !b.servesBoth(dep, old) {
		return
	}
	serving := dep
	if b.in.Bundles {
		serving = old
	}
	data := b.data(serving, within, addresses)
	p := dep.Progress
	switch near := p.ReleaseDone || p.Artifact != "" && len(dep.Stack.Release) == 0; {
	case !near:
		b.wakeServices(old, within, addresses, data)
	case b.answers(old):
		b.reroute(old, data)
	}
}

// answers is whether all that a route to dep leads to was seen to serve.
func (b *builder) answers(dep *staging.Deployment) bool {
	return !slices.ContainsFunc(dep.Stack.Services, func(s staging.Service) bool {
		return len(s.Ports) > 0 && !s.Backing && slices.ContainsFunc(instances(dep, s), func(it item) bool { return !b.there(it.name) || !b.in.Ready[it.name] })
	})
}
