package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// apply commits the row, then makes the thing, then records that it is there.
func (a *actor) apply(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	if op.Kind == staging.ResourceClone {
		return a.clone(ctx, v, dep, op)
	}
	defer a.mem.setPrepared(op.Resource, false)
	r, row, err := a.intention(ctx, v, dep, op)
	if err != nil {
		return err
	}
	if op.Kind == staging.ResourceWorkload && v.Observed[op.Resource].Presence != staging.Present {
		if err := a.portsFor(ctx, dep, op); err != nil {
			return err
		}
	}
	if old, ok := v.row(op.Resource); ok && old.State == staging.ResourceDeleting {
		// Its end was begun and then no longer wanted: what was told to go is
		// not to be taken for what is to come.
		if err := a.remove(ctx, old, false); err != nil {
			return err
		}
	}
	if op.Kind == staging.ResourceScope || op.Kind == staging.ResourceWorkload || op.Kind == staging.ResourceTask {
		if err := a.confine(ctx, v); err != nil {
			return err
		}
	}
	err = a.beforehand(op)(ctx, func(w Writer) error {
		if _, err := a.fence(ctx, w, v); err != nil {
			return err
		}
		if op.Kind == staging.ResourceTask && op.Service == "release" {
			if err := edited(ctx, w, dep.ID, func(d *staging.Deployment) { d.Progress.ReleaseBegan = true }); err != nil {
				return err
			}
		}
		return w.PutResource(ctx, row)
	})
	if err != nil {
		return err
	}
	switch op.Kind {
	case staging.ResourceCheckout:
		row.Ref, err = a.Folders.Path(op.Resource)
		if err == nil {
			err = a.Source.Checkout(ctx, v.project.Name, dep.Revision.Content(), row.Ref)
		}
	case staging.ResourceLink:
		err = a.listen(ctx, op)
	case staging.ResourceDoor:
		err = a.openDoor(ctx)
	case staging.ResourceMail:
		err = a.catchMail(ctx)
	default:
		var o staging.Observation
		if o, err = a.Platform.Apply(ctx, r); err == nil {
			row.Ref = o.Ref
		}
	}
	if err != nil {
		return err
	}
	row.State = staging.ResourcePresent
	return a.Store.WriteSoon(ctx, func(w Writer) error { return w.PutResource(ctx, row) })
}

// beforehand is how the row of what is to be made is written. It is there
// whenever this server dies; whether also when the power fails matters only
// where what was made would outlive that, and be in the way. An address that is
// found allotted is the one that is wanted.
func (a *actor) beforehand(op plan.Op) func(context.Context, func(Writer) error) error {
	if op.Kind == staging.ResourceEndpoint || op.Kind.IsListener() || op.Kind == staging.ResourceWorkload && a.Platform.Traits().EndsWithHost {
		return a.Store.WriteSoon
	}
	return a.Store.Write
}

// intention describes a resource, and the row that says that it is to be.
func (a *actor) intention(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) (platform.Resource, staging.Resource, error) {
	r := platform.Resource{Kind: op.Kind, Name: op.Resource, Owner: a.id, Generation: v.Environment.Generation}
	if err := a.describe(ctx, v, dep, op, &r); err != nil {
		return r, staging.Resource{}, err
	}
	row := staging.Resource{Name: op.Resource, Kind: op.Kind, Driver: a.Platform.Traits().Name, Owner: a.id, Project: v.project.Name,
		Generation: v.Environment.Generation, SpecHash: r.SpecHash, State: staging.ResourceIntended, CreatedAt: a.Now()}
	if r.Bundle == nil {
		return r, row, nil
	}
	var err error
	row.Spec, err = handedOver(r.Bundle)
	return r, row, err
}

func hash(v any) string {
	text, _ := json.Marshal(v) // plain values only: cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// describe fills in what the platform needs to know.
func (a *actor) describe(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op, r *platform.Resource) error {
	switch op.Kind {
	case staging.ResourceScope:
		r.Scope = &platform.Scope{Project: v.project.Name, Environment: a.id, Slug: v.Environment.Slug}
		r.SpecHash = hash(r.Scope)
	case staging.ResourceEndpoint:
		r.Endpoint = &platform.Endpoint{Service: op.Service, Port: op.Port, Instance: a.instance(dep, op)}
		if op.Resource == plan.DoorEndpoint(a.id) {
			r.Endpoint.Also = a.namedPorts()
		}
		r.SpecHash = hash(r.Endpoint)
	case staging.ResourceBuild:
		spec, err := a.buildSpec(ctx, v, dep)
		if err != nil {
			return err
		}
		r.Build, r.SpecHash = spec, spec.Key
	case staging.ResourceBundle:
		b, err := a.bundle(ctx, v, dep, op)
		if err != nil {
			return err
		}
		r.Bundle, r.SpecHash = b, op.Contents
	case staging.ResourceWorkload, staging.ResourceTask:
		var spec staging.WorkloadSpec
		var err error
		if d, ok := dep.Stack.Datastore(op.Service); ok && op.Kind == staging.ResourceWorkload {
			var serving datastore.Serving
			if v.Observed[op.Resource].Presence != staging.Present { // else it was started before a crash
				if err := a.check(ctx, v, dep, d); err != nil {
					return err
				}
			}
			serving, err = a.serving(ctx, v, dep, d)
			spec = serving.Workload
		} else {
			spec, err = a.workload(ctx, v, dep, op)
		}
		if err != nil {
			return err
		}
		if op.Kind == staging.ResourceWorkload {
			spec.Instance = a.instance(dep, op)
		}
		r.Workload, r.SpecHash = &spec, hash(spec)
	}
	return nil
}

// instance is what listens at an endpoint, or is to listen as a workload: "" for
// what tasks are told, and for the server's own side of a link, of mail or of a door.
func (a *actor) instance(dep *staging.Deployment, op plan.Op) string {
	switch op.Resource {
	case plan.TaskEndpoint(a.id), plan.LinkEndpoint(a.id, op.Service), plan.MailEndpoint(a.id), plan.DoorEndpoint(a.id):
		return ""
	}
	if _, ok := dep.Stack.Datastore(op.Service); ok {
		return plan.DataInstance(dep, op.Service)
	}
	return plan.Instance(a.bundles(), dep, op.Service, op.Instance)
}

// built is the artifact of a build that was made before, "" where there is none
// or nobody knows.
func (a *actor) built(ctx context.Context, v *view, dep *staging.Deployment, stack *staging.Stack) (string, error) {
	if a.missing(ctx, a.pulls(dep, stack)) {
		return "", nil
	}
	if a.Platform.Traits().Images && len(imagesOf(stack)) == 0 && !seesCheckout(stack) {
		return nothingBuilt, nil
	}
	keeper, ok := a.Platform.(platform.Keeper)
	if !ok {
		return "", nil
	}
	read := *dep
	read.Stack = stack
	spec, err := a.buildSpec(ctx, v, &read)
	if err != nil {
		return "", err
	}
	return keeper.Kept(a.id, *spec), nil
}

// buildSpec is the build of a revision. Its key is its content: what was built
// once is not built again, in any environment.
func (a *actor) buildSpec(ctx context.Context, v *view, dep *staging.Deployment) (*staging.BuildSpec, error) {
	checkout, err := a.Folders.Path(plan.Name(a.id, staging.ResourceCheckout, dep.Revision.Content()))
	if err != nil {
		return nil, err
	}
	vars, err := a.Variables(ctx, v.project, v.Environment)
	if err != nil {
		return nil, err
	}
	env := map[string]string{"CI": "true", "OFFSHOOT": "1"}
	for _, x := range vars {
		if x.Build && x.File == "" {
			env[x.Key] = x.Value
		}
	}
	images := []staging.ImageBuild(nil)
	steps := dep.Stack.Build
	if a.Platform.Traits().Images {
		images, steps = imagesOf(dep.Stack), nil
	}
	sum := sha256.Sum256([]byte(dep.Revision.Tree + "\n" + hash(steps) + hash(images) + "\n" + hash(env) + "\n" + a.Platform.Traits().Name))
	timeout := v.project.Policy.BuildTimeout
	if timeout <= 0 {
		timeout = buildLimit
	}
	return &staging.BuildSpec{Project: v.project.Name, Key: hex.EncodeToString(sum[:16]), Checkout: checkout, Steps: steps, Images: images, Pulls: a.pulls(dep, dep.Stack),
		Branch: v.Environment.Branch, BaseBranch: v.project.StagingBranch, Env: env, Timeout: timeout}, nil
}
