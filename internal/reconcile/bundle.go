package reconcile

import (
	"context"
	"encoding/json"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// bundles is whether the platform takes whole sets of workloads.
func (a *actor) bundles() bool { return a.Platform.Traits().Grain == platform.GrainBundle }

// bundle describes a whole set: its members as they would be described alone.
func (a *actor) bundle(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) (*platform.Bundle, error) {
	b := &platform.Bundle{Phase: op.Service, Asleep: op.Asleep}
	for _, m := range plan.Members(dep, op.Service) {
		r := platform.Resource{Kind: staging.ResourceWorkload, Name: m.Name, Owner: a.id, Generation: v.Environment.Generation}
		member := plan.Op{Action: plan.Apply, Kind: r.Kind, Resource: m.Name, Service: m.Service, Instance: m.Instance, Deployment: dep.ID}
		if err := a.describe(ctx, v, dep, member, &r); err != nil {
			return nil, err
		}
		b.Resources = append(b.Resources, r)
		if op.Asleep {
			a.mem.setReady(m.Name, false)
		}
	}
	return b, nil
}

// handed is what a bundle's row remembers of it.
type handed struct {
	Members []string `json:"members"`
}

func handedOver(b *platform.Bundle) (json.RawMessage, error) {
	var h handed
	for _, r := range b.Resources {
		h.Members = append(h.Members, r.Name)
	}
	return json.Marshal(h)
}

// workloads are the rows of all that runs or may run, for each bundle those of
// its members.
func workloads(rows []staging.Resource) []staging.Resource {
	var list []staging.Resource
	for _, row := range rows {
		switch row.Kind {
		case staging.ResourceWorkload, staging.ResourceTask:
			list = append(list, row)
		case staging.ResourceBundle:
			var h handed
			_ = json.Unmarshal(row.Spec, &h) // ours; one that was never handed over has none
			for _, name := range h.Members {
				list = append(list, staging.Resource{Kind: staging.ResourceWorkload, Name: name, Owner: row.Owner, Driver: row.Driver, State: row.State})
			}
		}
	}
	return list
}

// settled blocks until the platform has done what it was ordered.
func (a *actor) settled(ctx context.Context, op plan.Op) error {
	ref := platform.Ref{Kind: op.Kind, Name: op.Resource, Owner: a.id}
	o, err := a.Platform.Observe(ctx, ref)
	for err == nil && o.Presence == staging.Present && o.Run == staging.RunStarting && ctx.Err() == nil {
		o, err = a.Platform.Wait(ctx, ref, o)
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case o.Presence == staging.Unknown:
		return &staging.Waiting{Reason: op.Resource + " cannot be observed: " + o.Reason}
	case o.Presence == staging.Present && (o.Run == staging.RunRunning || o.Run == staging.RunExited):
		return nil
	}
	class := staging.ClassStart
	if op.Service == plan.PhaseData {
		class = staging.ClassData
	}
	f := &staging.Failure{Class: class, Step: op.Step, Message: "the platform did not bring the services up: " + o.Reason, LogTail: []string{}}
	return &staging.Error{Code: staging.ClassCode(class), Message: f.Message, Failure: f}
}
