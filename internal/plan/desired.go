package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// item is one resource that a deployment's stack asks for.
type item struct {
	name     string
	kind     staging.ResourceKind
	service  string
	instance int
	port     int
}

// Name is the ledger's deterministic name of a resource: OWNER/KIND/REST.
func Name(owner string, kind staging.ResourceKind, rest string) string {
	return owner + "/" + string(kind) + "/" + rest
}

// DataSet tells the data of one reset from that of another: within a set a
// clone is made once and lives until the next reset or the end.
func DataSet(dep *staging.Deployment) int { return dep.Options.DataResets }

// CloneName is the ledger's name of a deployment's datastore or volume.
func CloneName(dep *staging.Deployment, name string) string {
	return Name(dep.Environment, staging.ResourceClone, fmt.Sprintf("%s.%d", name, DataSet(dep)))
}

// Scope is the ledger name of an environment's scope.
func Scope(environment string) string { return Name(environment, staging.ResourceScope, "0") }

func scope(env string) item {
	return item{name: Scope(env), kind: staging.ResourceScope}
}

func checkout(dep *staging.Deployment) item {
	return item{name: Name(dep.Environment, staging.ResourceCheckout, dep.Revision.Content()), kind: staging.ResourceCheckout}
}

func build(dep *staging.Deployment) item {
	return item{name: Name(dep.Environment, staging.ResourceBuild, dep.ID), kind: staging.ResourceBuild}
}

func route(env string) item {
	return item{name: Name(env, staging.ResourceRoute, "0"), kind: staging.ResourceRoute}
}

func mark(dep *staging.Deployment) item {
	return item{name: Name(dep.Environment, staging.ResourceMark, dep.ID), kind: staging.ResourceMark}
}

func task(dep *staging.Deployment, name string, index int) item {
	return item{name: Name(dep.Environment, staging.ResourceTask, fmt.Sprintf("%s.%s.%d", dep.ID, name, index)),
		kind: staging.ResourceTask, service: name, instance: index}
}

// links are the listeners by which a stack's services reach other projects; a
// link to a fixed URL needs none.
func links(dep *staging.Deployment) []item {
	var items []item
	for _, l := range dep.Stack.Links {
		if l.Project != "" {
			items = append(items, item{name: Name(dep.Environment, staging.ResourceLink, l.Name), kind: staging.ResourceLink, service: l.Name})
		}
	}
	return items
}

// JobName is what the ledger names of a cron job's runs begin with.
func JobName(dep *staging.Deployment, job string) string {
	return Name(dep.Environment, staging.ResourceTask, dep.ID+jobMark+job+".")
}

// IsJob is whether a row is a run of a cron job: it ends by itself, by sleep,
// by a deployment, or with the environment.
func IsJob(r staging.Resource) bool {
	return r.Kind == staging.ResourceTask && strings.Contains(r.Name, jobMark)
}

const jobMark = ".cron-"

// LinkEndpoint is the ledger name of a link's address: it stays the same as
// long as the environment lives, since running services know it.
func LinkEndpoint(environment, link string) string {
	return Name(environment, staging.ResourceEndpoint, "link."+link)
}

// Mail is the ledger name of an environment's mail. Its listener runs while the
// environment is awake; the messages stay until the environment goes.
func Mail(environment string) string { return Name(environment, staging.ResourceMail, "box") }

func mail(environment string) item {
	return item{name: Mail(environment), kind: staging.ResourceMail}
}

// MailEndpoint is the ledger name of the address where mail is caught: it stays
// the same as long as the environment lives.
func MailEndpoint(environment string) string {
	return Name(environment, staging.ResourceEndpoint, "mail")
}

// Door is the ledger name of where an environment's own hosts and its links
// answer inside, while it is awake; DoorEndpoint that of its address.
func Door(environment string) string { return Name(environment, staging.ResourceDoor, "0") }

func door(environment string) item {
	return item{name: Door(environment), kind: staging.ResourceDoor}
}

// DoorEndpoint stays the same as long as the environment lives.
func DoorEndpoint(environment string) string {
	return Name(environment, staging.ResourceEndpoint, "door")
}

// MailPort is the one that the usual catchers of mail listen on, as values of a
// stack are written with.
const MailPort = 1025

// clones are the data of a stack: datastores and the volumes of services.
func clones(dep *staging.Deployment) []item {
	var items []item
	add := func(name string) {
		items = append(items, item{name: CloneName(dep, name), kind: staging.ResourceClone, service: name})
	}
	for _, d := range dep.Stack.Datastores {
		add(d.Name)
	}
	for _, v := range dep.Stack.Volumes {
		add(v.Name)
	}
	return items
}

// server is the workload that serves a datastore. Its name changes with how the
// stack has it served, so that a server which is to run otherwise is another one,
// and with nothing else: an upgrade of this program, or another name for it in the
// stack, restarts no server.
func server(dep *staging.Deployment, d staging.Datastore) item {
	text, _ := json.Marshal([]any{d.Kind, d.Image, d.Version, d.User, d.Password, d.Database, d.Args, d.Limits.CPUs, d.Limits.Memory, d.Limits.PIDs}) // cannot fail
	sum := sha256.Sum256(text)
	return item{name: Name(dep.Environment, staging.ResourceWorkload,
		fmt.Sprintf("data.%s.%d.%s", d.Name, DataSet(dep), hex.EncodeToString(sum[:4]))),
		kind: staging.ResourceWorkload, service: d.Name}
}

func serverEndpoint(dep *staging.Deployment, d staging.Datastore) item {
	return item{name: DataEndpoint(dep, d.Name), kind: staging.ResourceEndpoint, service: d.Name, port: d.Port}
}

// DataEndpoint is the ledger's name of a data server's address.
func DataEndpoint(dep *staging.Deployment, name string) string {
	return Name(dep.Environment, staging.ResourceEndpoint, DataInstance(dep, name))
}

// DataInstance is what listens at a data server's address, whichever workload
// serves it.
func DataInstance(dep *staging.Deployment, name string) string {
	return fmt.Sprintf("data.%s.%d", name, DataSet(dep))
}

// Instance is what listens at the addresses of a service's instance.
func Instance(bundles bool, dep *staging.Deployment, service string, instance int) string {
	if s, ok := dep.Stack.Service(service); ok && s.Backing {
		return DataInstance(dep, service)
	}
	of := dep.ID
	if bundles { // replaced in place, it keeps its addresses
		of = PhaseApp
	}
	return fmt.Sprintf("%s.%s.%d", service, of, instance)
}

// instances are the workloads of a service. A cron job has none.
func instances(dep *staging.Deployment, s staging.Service) []item {
	if s.Backing {
		return []item{backing(dep, s)}[:min(dep.Options.Replicas(dep.Stack, s), 1)]
	}
	items := make([]item, dep.Options.Replicas(dep.Stack, s))
	for i := range items {
		items[i] = item{name: Name(dep.Environment, staging.ResourceWorkload, fmt.Sprintf("%s.%s.%d", s.Name, dep.ID, i)),
			kind: staging.ResourceWorkload, service: s.Name, instance: i}
	}
	return items
}

// Workloads are the ledger's names of a service's instances.
func Workloads(dep *staging.Deployment, s staging.Service) []string {
	var names []string
	for _, it := range instances(dep, s) {
		names = append(names, it.name)
	}
	return names
}

// Destination says where a deployment's route leads: which revision, and how
// many instances of each service. A route that leads elsewhere is switched.
func Destination(dep *staging.Deployment) string {
	to := dep.ID
	for _, s := range dep.Stack.Services {
		if len(s.Ports) > 0 {
			to += fmt.Sprintf(" %s=%d", s.Name, len(instances(dep, s)))
		}
	}
	return to
}

// TaskEndpoint is the ledger name of the address whose port tasks, hooks, cron
// jobs and consoles are told: nothing else of the environment listens there.
func TaskEndpoint(environment string) string {
	return Name(environment, staging.ResourceEndpoint, "task")
}

// Portless stands for the port of a service that declares none. It is told one
// all the same, which leads nowhere.
const Portless = 0

// endpoints are the addresses of a service's instances, one a port.
func (b *builder) endpoints(dep *staging.Deployment, s staging.Service) []item {
	ports := s.Ports
	if len(ports) == 0 && !b.in.Bundles {
		ports = []staging.Port{{Target: Portless}}
	}
	var items []item
	for _, it := range instances(dep, s) {
		for _, p := range ports {
			items = append(items, item{name: EndpointName(b.in.Bundles, dep, s.Name, it.instance, p.Target),
				kind: staging.ResourceEndpoint, service: s.Name, instance: it.instance, port: p.Target})
		}
	}
	return items
}

// keep are the names of all that a deployment which serves stands on. Where
// none does, the scope stays all the same: the logs of what failed are in it.
func (b *builder) keep(dep *staging.Deployment, awake bool) map[string]bool {
	within := scope(b.in.Environment.ID).name
	names := map[string]bool{within: dep != nil || b.there(within)}
	if dep == nil || dep.Stack == nil {
		return names
	}
	add := func(items ...item) {
		for _, it := range items {
			names[it.name] = true
		}
	}
	add(route(dep.Environment), checkout(dep))
	if b.in.Bundles {
		add(dataBundle(dep), appBundle(dep))
	}
	add(clones(dep)...)
	names[TaskEndpoint(dep.Environment)], names[MailEndpoint(dep.Environment)] = true, true
	if awake {
		add(mail(dep.Environment))
	}
	if b.in.Doors {
		names[DoorEndpoint(dep.Environment)] = true
		names[Door(dep.Environment)] = awake
	}
	for _, it := range links(dep) {
		names[LinkEndpoint(dep.Environment, it.service)] = true
		if awake {
			add(it)
		}
	}
	for _, d := range dep.Stack.Datastores {
		add(serverEndpoint(dep, d))
		if awake {
			add(server(dep, d))
		}
	}
	for _, s := range dep.Stack.Services {
		add(b.endpoints(dep, s)...)
		if awake {
			add(instances(dep, s)...)
		}
	}
	return names
}

// Ran is whether a row is of dep's services, also of an instance that the
// environment was scaled down by since: the route may lead there still.
func Ran(r staging.Resource, dep *staging.Deployment) bool {
	return dep != nil && (r.Kind == staging.ResourceWorkload || r.Kind == staging.ResourceEndpoint) && strings.Contains(r.Name, "."+dep.ID+".")
}

// startOrder sorts services so that each comes after what it depends on; a
// cycle, which a manifest refuses, would end in the order written.
func startOrder(stack *staging.Stack) []staging.Service {
	depth := map[string]int{}
	for range stack.Services {
		for _, s := range stack.Services {
			for _, d := range s.DependsOn {
				if _, ok := stack.Service(d.Name); ok {
					depth[s.Name] = min(max(depth[s.Name], depth[d.Name]+1), len(stack.Services))
				}
			}
		}
	}
	sorted := slices.Clone(stack.Services)
	slices.SortStableFunc(sorted, func(a, b staging.Service) int { return cmp.Compare(depth[a.Name], depth[b.Name]) })
	return sorted
}

// Serves is whether one of these ledger names is a server of that datastore.
func Serves(names []string, dep *staging.Deployment, d staging.Datastore) bool {
	return slices.ContainsFunc(names, func(name string) bool { return sameData(name, dep, d.Name) })
}
