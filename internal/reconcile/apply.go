package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// apply commits the row, then makes the thing, then records that it is there.
func (a *actor) apply(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	r := platform.Resource{Kind: op.Kind, Name: op.Resource, Owner: a.id, Generation: v.Environment.Generation}
	if err := a.describe(ctx, v, dep, op, &r); err != nil {
		return err
	}
	row := staging.Resource{Name: op.Resource, Kind: op.Kind, Driver: a.Platform.Traits().Name, Owner: a.id, Project: v.project.Name,
		Generation: v.Environment.Generation, SpecHash: r.SpecHash, State: staging.ResourceIntended, CreatedAt: a.Now()}
	err := a.Store.Write(ctx, func(w Writer) error {
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
			err = a.Source.Checkout(ctx, v.project.Name, dep.Revision.ID, row.Ref)
		}
	case staging.ResourceClone:
		var origin staging.DataOrigin
		if origin, row, err = a.clone(ctx, v, dep, op, row); err == nil {
			err = a.remember(ctx, origin)
		}
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
	return a.Store.Write(ctx, func(w Writer) error { return w.PutResource(ctx, row) })
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
		r.Endpoint = &platform.Endpoint{Service: op.Service, Instance: dep.ID}
		r.SpecHash = hash(r.Endpoint)
	case staging.ResourceBuild:
		spec, err := a.buildSpec(ctx, v, dep)
		if err != nil {
			return err
		}
		r.Build, r.SpecHash = spec, spec.Key
	case staging.ResourceWorkload, staging.ResourceTask:
		var spec staging.WorkloadSpec
		var err error
		if d, ok := dep.Stack.Datastore(op.Service); ok && op.Kind == staging.ResourceWorkload {
			var serving datastore.Serving
			serving, err = a.serving(ctx, v, dep, d)
			spec = serving.Workload
		} else {
			spec, err = a.workload(ctx, v, dep, op)
		}
		if err != nil {
			return err
		}
		r.Workload, r.SpecHash = &spec, hash(spec)
	}
	return nil
}

// buildSpec is the build of a revision. Its key is its content: what was built
// once is not built again, in any environment.
func (a *actor) buildSpec(ctx context.Context, v *view, dep *staging.Deployment) (*staging.BuildSpec, error) {
	checkout, err := a.Folders.Path(plan.Name(a.id, staging.ResourceCheckout, dep.Revision.ID))
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
	sum := sha256.Sum256([]byte(dep.Revision.Tree + "\n" + hash(dep.Stack.Build) + "\n" + hash(env) + "\n" + a.Platform.Traits().Name))
	timeout := v.project.Policy.BuildTimeout
	if timeout <= 0 {
		timeout = buildLimit
	}
	return &staging.BuildSpec{Project: v.project.Name, Key: hex.EncodeToString(sum[:16]), Checkout: checkout, Steps: dep.Stack.Build,
		Branch: v.Environment.Branch, BaseBranch: v.project.StagingBranch, Env: env, Timeout: timeout}, nil
}

// driver is who owns the data of that name.
func (a *actor) driver(dep *staging.Deployment, name string) (datastore.Driver, staging.Datastore, error) {
	if d, ok := dep.Stack.Datastore(name); ok {
		if driver := a.Data[d.Kind]; driver != nil {
			return driver, d, nil
		}
		return nil, d, staging.NotBuilt("a datastore of kind " + d.Kind)
	}
	return a.Data["volume"], staging.Datastore{Name: name, Kind: "volume"}, nil
}

// cloneOf describes the data of a deployment's datastore or volume.
func (a *actor) cloneOf(ctx context.Context, v *view, dep *staging.Deployment, name string) (datastore.Driver, datastore.Clone, error) {
	driver, store, err := a.driver(dep, name)
	if err != nil {
		return nil, datastore.Clone{}, err
	}
	resource := plan.Name(a.id, staging.ResourceClone, fmt.Sprintf("%s.%d", name, plan.DataSet(dep)))
	dir, err := a.Folders.Path(resource)
	if err != nil {
		return nil, datastore.Clone{}, err
	}
	c := datastore.Clone{Name: resource, Owner: a.id, Dir: dir, Store: store, Password: a.Password(a.id, name), Shared: v.Environment.Kind == staging.KindShared}
	if u, ok := a.Platform.(Users); ok {
		service, data, err := u.Users(ctx, a.id)
		if err != nil {
			return nil, c, err
		}
		c.UID, c.GID = data, data
		if store.Kind == "volume" {
			c.UID, c.GID = service, service
		}
	}
	return driver, c, nil
}

// Users is the capability of a platform that runs workloads under users of the
// host: the ids of an owner's services and of its data servers.
type Users interface {
	Users(ctx context.Context, owner string) (service, data int, err error)
}

func (a *actor) clone(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op, row staging.Resource) (staging.DataOrigin, staging.Resource, error) {
	driver, c, err := a.cloneOf(ctx, v, dep, op.Service)
	if err != nil {
		return staging.DataOrigin{}, row, err
	}
	wanted := dep.Options.Snapshot == "" || dep.Options.Snapshot == "latest"
	if wanted && v.Environment.Kind == staging.KindBranch && c.Store.Kind != "redis" {
		if err := a.firstSnapshot(ctx, v); err != nil {
			return staging.DataOrigin{}, row, staging.Errorf(staging.ClassCode(staging.ClassData), "offshoot create --snapshot none starts empty",
				"snapshot of shared staging: %w", err)
		}
	}
	snapshot, part, err := a.snapshotFor(ctx, v, dep, op.Service, c.Store.Kind)
	if err != nil {
		return staging.DataOrigin{}, row, err
	}
	if part != nil {
		if c.From, err = a.Folders.Path(plan.Name(snapshot.ID, staging.ResourceSnapshot, part.Name)); err != nil {
			return staging.DataOrigin{}, row, err
		}
	}
	made, err := driver.Make(ctx, c, nil)
	if err != nil {
		return staging.DataOrigin{}, row, diskFull(err)
	}
	row.Ref, row.SizeBytes = c.Dir, made.Observation.SizeBytes
	origin := staging.DataOrigin{Name: op.Service, Kind: c.Store.Kind, Engine: made.Engine, Strategy: made.Strategy}
	if part != nil && !made.Empty {
		origin.Snapshot, origin.SnapshotTakenAt = snapshot.ID, snapshot.TakenAt
	}
	return origin, row, nil
}

// diskFull says in plain words what the kernel says in its own.
func diskFull(err error) error {
	if strings.Contains(err.Error(), "no space left on device") || errors.Is(err, os.ErrPermission) && strings.Contains(err.Error(), "quota") {
		return staging.Errorf(staging.ClassCode(staging.ClassCapacity), "free space on the server's data folder, then try again; nothing was left behind", "the disk is full: %w", err)
	}
	return err
}

func (a *actor) remember(ctx context.Context, o staging.DataOrigin) error {
	return a.Store.Write(ctx, func(w Writer) error {
		env, err := w.Environment(ctx, a.id)
		if err != nil {
			return err
		}
		for i, d := range env.Data {
			if d.Name == o.Name {
				if o.Strategy != "kept" {
					env.Data[i] = o
				}
				return w.PutEnvironment(ctx, env)
			}
		}
		env.Data = append(env.Data, o)
		return w.PutEnvironment(ctx, env)
	})
}

// snapshotFor is the snapshot that new data is a clone of, nil for none.
func (a *actor) snapshotFor(ctx context.Context, v *view, dep *staging.Deployment, name, kind string) (staging.Snapshot, *staging.SnapshotPart, error) {
	wanted := dep.Options.Snapshot
	if dep.Options.DataReset != "" {
		wanted = dep.Options.DataReset
	}
	if wanted == "none" {
		return staging.Snapshot{}, nil, nil
	}
	list, err := a.Store.Snapshots(ctx, v.project.Name)
	if err != nil {
		return staging.Snapshot{}, nil, err
	}
	for _, s := range list {
		chosen := s.ID == wanted || (wanted == "" || wanted == "latest") && s.SourceKind == staging.KindShared && v.Environment.Kind != staging.KindShared
		if s.State != staging.SnapshotReady || !chosen {
			continue
		}
		for i, p := range s.Parts {
			if p.Name == name && p.Kind == kind {
				return s, &s.Parts[i], nil
			}
		}
		return s, nil, nil
	}
	if wanted != "" && wanted != "latest" {
		return staging.Snapshot{}, nil, staging.Errorf(staging.ClassCode(staging.ClassData), "offshoot snapshot ls", "there is no snapshot %s that is ready", wanted)
	}
	return staging.Snapshot{}, nil, nil
}
