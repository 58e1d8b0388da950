package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"offshoot/internal/staging"
)

// The phases of a bundle.
const (
	PhaseData = "data"
	PhaseApp  = "app"
)

// Member is one workload of a bundle.
type Member struct {
	Name    string
	Service string
	// Instance is a service's replica.
	Instance int
}

// dataBundle is the set of the data servers of one set of data, appBundle that
// of the services. The one is kept over redeploys, the other is replaced by
// them in place: the platform overlaps what goes with what comes.
func dataBundle(dep *staging.Deployment) item {
	return item{name: Name(dep.Environment, staging.ResourceBundle, fmt.Sprintf("%s.%d", PhaseData, DataSet(dep))), kind: staging.ResourceBundle, service: PhaseData}
}

func appBundle(dep *staging.Deployment) item {
	return item{name: Name(dep.Environment, staging.ResourceBundle, PhaseApp), kind: staging.ResourceBundle, service: PhaseApp}
}

// Members are the workloads that a phase's bundle of a deployment holds.
func Members(dep *staging.Deployment, phase string) []Member {
	var list []Member
	if phase == PhaseData {
		for _, h := range holders(dep) {
			list = append(list, Member{Name: h.name, Service: h.service})
		}
		return list
	}
	for _, s := range startOrder(dep.Stack) {
		if s.Backing {
			continue
		}
		for _, it := range instances(dep, s) {
			list = append(list, Member{Name: it.name, Service: s.Name, Instance: it.instance})
		}
	}
	return list
}

// contentsOf identifies what a bundle is to hold.
func contentsOf(dep *staging.Deployment, phase string, asleep bool) string {
	if asleep {
		return "asleep"
	}
	sum := sha256.New()
	for _, m := range Members(dep, phase) {
		_, _ = fmt.Fprintln(sum, m.Name)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// EndpointName is the ledger's name of the address of a service's instance at
// a port.
func EndpointName(bundles bool, dep *staging.Deployment, service string, instance, port int) string {
	return Name(dep.Environment, staging.ResourceEndpoint, fmt.Sprintf("%s.%d", Instance(bundles, dep, service, instance), port))
}

// holds is whether a bundle is what it is to be, and the platform has done with
// it.
func (b *builder) holds(it item, dep *staging.Deployment, asleep bool) bool {
	run := staging.RunRunning
	if asleep {
		run = staging.RunExited
	}
	return b.ordered(it, contentsOf(dep, it.service, asleep)) && b.in.Observed[it.name].Run == run
}

// ordered is whether the platform was given that order, and took it.
func (b *builder) ordered(it item, contents string) bool {
	o := b.in.Observed[it.name]
	return b.there(it.name) && b.rows[it.name].SpecHash == contents && (o.SpecHash == "" || o.SpecHash == contents)
}

// handOver gives the platform the whole set, and waits until it is done with
// it.
func (b *builder) handOver(it item, dep *staging.Deployment, asleep bool, step staging.StepName, cause string, after ...[]string) []string {
	if len(Members(dep, it.service)) == 0 {
		return b.drop(it.name, cause, after...)
	}
	if b.holds(it, dep, asleep) {
		return nil
	}
	if b.presence(it.name) == staging.Unknown {
		b.wait(b.unseen(it.name))
		return []string{"unseen " + it.name}
	}
	contents := contentsOf(dep, it.service, asleep)
	op := Op{Action: Apply, Kind: it.kind, Resource: it.name, Service: it.service, Deployment: dep.ID, Step: step, Contents: contents, Asleep: asleep, Cause: cause}
	begun := flatten(after)
	if b.in.Observed[it.name].Run != staging.RunStarting || !b.ordered(it, contents) {
		begun = b.add(op, after...)
	}
	op.Action = Await
	return b.add(op, begun)
}

// serveBundle brings up the data servers together. Where they are to be others
// than those that run, these end first: never two on the same directory.
func (b *builder) serveBundle(dep *staging.Deployment, before ...[]string) []string {
	it := dataBundle(dep)
	row, there := b.rows[it.name]
	if contents := contentsOf(dep, it.service, false); there && row.SpecHash != contents && !b.holds(it, dep, true) {
		before = append(before, b.handOver(it, dep, true, staging.StepData, "what the stack says of the data's servers has changed", before...))
	}
	up := b.handOver(it, dep, false, staging.StepData, "the data's servers are down", before...)
	for _, h := range holders(dep) {
		if !b.in.Ready[h.name] || !b.holds(it, dep, false) {
			up = append(up, b.answer(dep, h, up)...)
		}
	}
	return up
}

// startBundle brings up the services together, and sees each of them serve.
func (b *builder) startBundle(dep *staging.Deployment, cause string, before ...[]string) []string {
	it := appBundle(dep)
	up := b.handOver(it, dep, false, staging.StepStart, cause, before...)
	all := append(flatten(before), up...)
	for _, m := range Members(dep, it.service) {
		if !b.in.Ready[m.Name] || !b.holds(it, dep, false) {
			all = append(all, b.add(Op{Action: Health, Kind: staging.ResourceWorkload, Resource: m.Name, Service: m.Service, Instance: m.Instance,
				Deployment: dep.ID, Step: staging.StepHealth, Cause: "only what can serve gets a route"}, flatten(before), up)...)
		}
	}
	return all
}

// rest lets nothing run of what dep asked for, services before their data.
func (b *builder) rest(dep *staging.Deployment, after ...[]string) []string {
	ended := b.quiet(appBundle(dep), dep, after...)
	return b.quiet(dataBundle(dep), dep, append(after, ended)...)
}

// quiet is handOver of nothing, where there is something.
func (b *builder) quiet(it item, dep *staging.Deployment, after ...[]string) []string {
	if _, ok := b.rows[it.name]; !ok {
		return nil
	}
	return b.handOver(it, dep, true, "", "asleep", after...)
}

// revert hands over again what served before a deployment that failed.
func (b *builder) revert(dep, old *staging.Deployment, cause string) []string {
	it := appBundle(dep)
	if _, ok := b.rows[it.name]; !ok {
		return nil
	}
	if old == nil || old.Stack == nil {
		return b.drop(it.name, cause)
	}
	asleep := !b.in.Environment.Awake && b.in.Holding
	if b.holds(it, old, asleep) {
		return nil
	}
	var before []string
	if !asleep {
		within := b.ensure(scope(old.Environment), old, "", cause)
		addresses := b.addresses(old, within)
		before = append(addresses, b.data(old, within, addresses)...)
	}
	return b.handOver(it, old, asleep, "", cause, before)
}

// stopServers ends the data servers of a deployment's data.
func (b *builder) stopServers(dep *staging.Deployment, cause string, after []string) []string {
	if b.in.Bundles {
		return append(after, b.quiet(dataBundle(dep), dep, after)...)
	}
	for _, h := range holders(dep) {
		after = append(after, b.drop(h.name, cause, after)...)
	}
	return after
}

func isDataBundle(name string) bool { return strings.Contains(name, "/bundle/"+PhaseData+".") }
