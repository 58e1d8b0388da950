package plan

import (
	"cmp"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// builder collects one plan. Its methods add operations and answer the ids
// that what follows must wait for: none where a thing is done already.
type builder struct {
	in    Input
	plan  Plan
	rows  map[string]staging.Resource
	names []string
}

func newBuilder(in Input) *builder {
	b := &builder{in: in, rows: map[string]staging.Resource{}}
	for _, row := range in.Ledger {
		if row.Owner == in.Environment.ID {
			b.rows[row.Name] = row
			b.names = append(b.names, row.Name)
		}
	}
	slices.Sort(b.names)
	return b
}

func (b *builder) add(op Op, after ...[]string) []string {
	op.ID = string(op.Action) + " " + op.Resource
	switch {
	case op.Resource == "":
		op.ID = string(op.Action) + " " + op.Deployment + op.Service
	case op.Action == Route: // the same hosts, to another revision
		op.ID += " " + op.Deployment
	case op.Contents != "": // the same bundle, another order
		op.ID += " " + op.Contents
	}
	if b.has(op.ID) {
		return []string{op.ID}
	}
	for _, ids := range after {
		for _, id := range ids {
			if id != op.ID && !slices.Contains(op.After, id) {
				op.After = append(op.After, id)
			}
		}
	}
	b.plan.Ops = append(b.plan.Ops, op)
	return []string{op.ID}
}

func (b *builder) has(id string) bool {
	return slices.ContainsFunc(b.plan.Ops, func(o Op) bool { return o.ID == id })
}

func (b *builder) wait(reason string) {
	if !slices.Contains(b.plan.Waiting, reason) {
		b.plan.Waiting = append(b.plan.Waiting, reason)
	}
}

// presence is what is known of a resource. A row that nobody could look at is
// unknown; without a row there is nothing of ours.
func (b *builder) presence(name string) staging.Presence {
	if _, ok := b.rows[name]; !ok {
		return staging.Absent
	}
	if o, ok := b.in.Observed[name]; ok {
		return o.Presence
	}
	return staging.Unknown
}

func (b *builder) there(name string) bool {
	row, ok := b.rows[name]
	return ok && row.State == staging.ResourcePresent && b.presence(name) == staging.Present
}

// unseen is why nobody knows of a resource whether it is there. What a platform
// says of itself is the same for all that is on it.
func (b *builder) unseen(name string) string {
	return cmp.Or(b.in.Observed[name].Reason, name+" cannot be observed")
}

// ensure makes an item exist. What cannot be seen is neither made nor used:
// all that needs it waits, by the unmet id that is answered.
func (b *builder) ensure(it item, dep *staging.Deployment, step staging.StepName, cause string, after ...[]string) []string {
	if b.there(it.name) {
		return nil
	}
	if b.presence(it.name) == staging.Unknown {
		b.wait(b.unseen(it.name))
		return []string{"unseen " + it.name}
	}
	return b.add(Op{Action: Apply, Kind: it.kind, Resource: it.name, Service: it.service,
		Instance: it.instance, Port: it.port, Deployment: dep.ID, Step: step, Cause: cause}, after...)
}

// drop deletes a row's resource unless nobody knows whether it is there.
func (b *builder) drop(name, cause string, after ...[]string) []string {
	row, ok := b.rows[name]
	if !ok {
		return nil
	}
	if b.presence(name) == staging.Unknown {
		b.wait(b.unseen(name))
		return []string{"unseen " + name}
	}
	return b.add(Op{Action: Delete, Kind: row.Kind, Resource: name, Cause: cause}, after...)
}

// dropAll deletes rows in an order in which nothing loses what it stands on:
// what runs before data, data before addresses, the scope last.
func (b *builder) dropAll(gone func(staging.Resource) bool, cause string, after ...[]string) []string {
	var done []string
	for _, rank := range dropOrder {
		ready := append(slices.Clone(after), done)
		var ids []string
		for _, name := range b.names {
			row := b.rows[name]
			if b.in.Sessions[name] && b.in.Environment.Awake && b.in.Environment.DeleteRequestedAt.IsZero() {
				continue
			}
			if rank(row) && gone(row) {
				ids = append(ids, b.drop(name, cause, ready...)...)
			}
		}
		done = append(done, ids...)
	}
	return done
}

var dropOrder = []func(staging.Resource) bool{
	func(r staging.Resource) bool { return r.Kind == staging.ResourceRoute },
	func(r staging.Resource) bool {
		return r.Kind == staging.ResourceTask || r.Kind == staging.ResourceBuild ||
			r.Kind == staging.ResourceBundle && !isDataBundle(r.Name) || r.Kind == staging.ResourceWorkload && !isData(r.Name)
	},
	func(r staging.Resource) bool { return r.Kind.IsListener() },
	func(r staging.Resource) bool {
		return r.Kind == staging.ResourceWorkload && isData(r.Name) || r.Kind == staging.ResourceBundle && isDataBundle(r.Name)
	},
	func(r staging.Resource) bool {
		return r.Kind == staging.ResourceClone || r.Kind == staging.ResourceMark ||
			r.Kind == staging.ResourceAside || r.Kind == staging.ResourceSnapshot
	},
	func(r staging.Resource) bool {
		return r.Kind == staging.ResourceEndpoint || r.Kind == staging.ResourceCheckout
	},
	func(r staging.Resource) bool { return r.Kind == staging.ResourceScope },
}

func isData(name string) bool { return strings.Contains(name, "/workload/data.") }
