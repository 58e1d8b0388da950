package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"

	"offshoot/internal/datastore"
	"offshoot/internal/human"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// kept is the strategy of data that was whole before.
const kept = "kept"

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

// DataNames are the datastores and volumes of a stack.
func DataNames(stack *staging.Stack) []string {
	var names []string
	for _, d := range stack.Datastores {
		names = append(names, d.Name)
	}
	for _, x := range stack.Volumes {
		names = append(names, x.Name)
	}
	return names
}

// cloneOf describes the data of a deployment's datastore or volume.
func (a *actor) cloneOf(ctx context.Context, v *view, dep *staging.Deployment, name string) (datastore.Driver, datastore.Clone, error) {
	driver, store, err := a.driver(dep, name)
	if err != nil {
		return nil, datastore.Clone{}, err
	}
	resource := plan.CloneName(dep, name)
	dir, err := a.Folders.Path(resource)
	if err != nil {
		return nil, datastore.Clone{}, err
	}
	password, err := a.password(ctx, v, store)
	if err != nil {
		return nil, datastore.Clone{}, err
	}
	c := datastore.Clone{Name: resource, Owner: a.id, Dir: dir, Store: store, Password: password, Shared: v.Environment.Kind == staging.KindShared}
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

// check refuses data that cannot be served, and an address that is taken,
// before a server is started.
func (a *actor) check(ctx context.Context, v *view, dep *staging.Deployment, d staging.Datastore) error {
	driver, c, err := a.cloneOf(ctx, v, dep, d.Name)
	if err != nil {
		return err
	}
	if checker, ok := driver.(datastore.Checker); ok {
		if err := checker.Check(ctx, c); err != nil {
			return err
		}
	}
	return a.portFor(ctx, dep, d)
}

// sameVersions refuses a stack that asks for another data server than the data
// is of, or another version of one that reads no other's, before what serves is
// touched: two servers never share a directory, so the one of before would be
// stopped first.
func (a *actor) sameVersions(v *view, dep *staging.Deployment, stack *staging.Stack) error {
	old := v.Serving
	if old == nil || old.Stack == nil || old.ID == dep.ID || plan.DataSet(old) != plan.DataSet(dep) {
		return nil
	}
	for _, d := range stack.Datastores {
		was, ok := old.Stack.Datastore(d.Name)
		if ok && was.Kind != d.Kind {
			return staging.Errorf(staging.ClassCode(staging.ClassData), "give the new one a name of its own",
				"%s is a %s in the stack, its data is of a %s", d.Name, d.Kind, was.Kind)
		}
		_, strict := a.Data[d.Kind].(datastore.Checker)
		if ok && strict && was.Version != "" && d.Version != "" && was.Version != d.Version {
			return staging.Errorf(staging.ClassCode(staging.ClassData), "go back to "+d.Kind+":"+was.Version+", or start anew: offshoot data reset "+v.Environment.Slug,
				"the stack asks for %s %s, the data of %s was written by %s", d.Kind, d.Version, d.Name, was.Version)
		}
	}
	return nil
}

// Users is the capability of a platform that runs workloads under users of the
// host: the ids of an owner's services and of its data servers. Services below 0
// run as their images say: their files are left as they are.
type Users interface {
	Users(ctx context.Context, owner string) (service, data int, err error)
}

// clone makes the data of one datastore or volume. Where it comes from is in
// its row before anything is made, so that a snapshot in use is never removed
// and a new server goes on with the same one.
func (a *actor) clone(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	driver, c, err := a.cloneOf(ctx, v, dep, op.Service)
	if err != nil {
		return err
	}
	if have, ok := v.row(op.Resource); ok && have.State == staging.ResourcePresent {
		return staging.Errorf(staging.ClassCode(staging.ClassData), "is its disk mounted? nothing is made in its place; offshoot data reset starts anew",
			"the data of %s is gone from %s", op.Service, c.Dir)
	}
	source, err := a.source(ctx, v, dep)
	if err != nil {
		return err
	}
	origin := staging.DataOrigin{Name: op.Service, Kind: c.Store.Kind}
	row := staging.Resource{Name: op.Resource, Kind: op.Kind, Driver: "folder", Owner: a.id, Project: v.project.Name,
		Generation: v.Environment.Generation, State: staging.ResourceIntended, Ref: c.Dir, CreatedAt: a.Now()}
	err = a.Store.Write(ctx, func(w Writer) error {
		if _, err := a.fence(ctx, w, v); err != nil {
			return err
		}
		from, err := a.from(ctx, w, dep, source, &origin)
		if err != nil {
			return err
		}
		c.From = from
		origin.Empty = c.From == ""
		row.Spec, err = json.Marshal(origin)
		return errors.Join(err, w.PutResource(ctx, row))
	})
	if err != nil {
		return err
	}
	if err := a.fetch(ctx, v, dep, op); err != nil {
		return err
	}
	tell, told := a.progress(dep, op)
	made, err := driver.Make(ctx, c, tell)
	if err != nil {
		return diskFull(err, filepath.Dir(c.Dir))
	}
	if made.Strategy != kept {
		origin.Strategy, origin.SizeBytes = made.Strategy, made.Observation.SizeBytes
		switch {
		case !made.Empty:
			a.detail(dep.ID, op.Step, op.Service+": "+human.Size(made.Observation.SizeBytes)+" by "+made.Strategy)
		case told():
			a.detail(dep.ID, op.Step, op.Service+": began empty")
		}
	}
	origin.Engine = made.Engine
	row.State, row.SizeBytes = staging.ResourcePresent, made.Observation.SizeBytes
	if row.Spec, err = json.Marshal(origin); err != nil {
		return err
	}
	return a.Store.Write(ctx, func(w Writer) error {
		if err := w.PutResource(ctx, row); err != nil {
			return err
		}
		if v.Serving != nil && v.Serving.ID != dep.ID {
			return nil // what people see is the data that serves
		}
		env, err := w.Environment(ctx, a.id)
		if err != nil {
			return err
		}
		rows, err := w.Resources(ctx, a.id)
		if err != nil {
			return err
		}
		env.Data = origins(rows, dep)
		return w.PutEnvironment(ctx, env)
	})
}
