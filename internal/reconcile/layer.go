package reconcile

import (
	"context"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/redact"
	"offshoot/internal/staging"
	"offshoot/internal/variable"
)

// layer runs the team's own command on a fresh copy of everything, with the
// code and variables of the revision that the data is of: what it writes is in
// the golden copy. Redis, of which a snapshot has nothing, is there and empty;
// the stack's services are not there. A copy of one datastore or volume alone
// stays as it is.
func (e *Engine) layer(ctx context.Context, dep staging.Deployment, s *staging.Snapshot) error {
	task := dep.Stack.Layer
	if task == nil || s.Only != "" {
		return nil
	}
	limit := taskLimit
	if task.Timeout > 0 {
		limit = task.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, verifyLimit+limit)
	defer cancel()
	a, err := e.prover(ctx, s)
	if err != nil {
		return err
	}
	of, v, err := e.source(ctx, s)
	if err != nil {
		return err
	}
	around, quiet, err := a.spread(ctx, v, &dep, s)
	if err == nil {
		err = a.confine(ctx, v) // it reaches what its environment may
	}
	if err != nil {
		return err
	}
	service, _ := dep.Stack.Service(task.Service)
	spec, vars, err := of.within(ctx, v, &dep, service, around)
	if err != nil {
		return err
	}
	spec.Service, spec.Role = "layer", staging.RoleTask
	spec.Command = vars.Command(task.Command, spec.Env)
	spec.Timeout = limit
	if err := a.runLayer(ctx, s, spec); err != nil {
		return err
	}
	for _, write := range quiet {
		if err := write(); err != nil {
			return err
		}
	}
	return e.release(ctx, s.ID)
}

// source is the environment that a snapshot is of.
func (e *Engine) source(ctx context.Context, s *staging.Snapshot) (*actor, *view, error) {
	env, err := e.Store.Environment(ctx, s.Source)
	if err != nil {
		return nil, nil, err
	}
	project, err := e.Store.Project(ctx, s.Project)
	if err != nil {
		return nil, nil, err
	}
	on, err := e.ground(env)
	return newActor(e, s.Source, e.remembered(s.Source), on), &view{Input: plan.Input{Environment: env}, project: project}, err
}

// spread serves all parts of a copy at once, as an environment's data is served;
// quiet lets each server write out what it can. v is the environment's.
func (a *actor) spread(ctx context.Context, v *view, dep *staging.Deployment, s *staging.Snapshot) (around surroundings, quiet []func() error, err error) {
	around.volume = func(name string) (string, error) {
		if part(s, name) == nil {
			return a.scratch(ctx, s.Project, name)
		}
		return a.Folders.Path(plan.Name(s.ID, staging.ResourceSnapshot, name))
	}
	if a.Platform.Traits().NamesResolve {
		around.hosts = map[string]string{}
	}
	for _, d := range dep.Stack.Datastores {
		dir, err := around.volume(d.Name)
		if err != nil {
			return around, nil, err
		}
		driver, store, err := a.driver(dep, d.Name)
		if err != nil {
			return around, nil, err
		}
		c := datastore.Clone{Name: plan.Name(s.ID, staging.ResourceClone, d.Name), Owner: s.ID, Dir: dir, Store: store}
		if c.Password, err = a.password(ctx, v, d); err != nil {
			return around, nil, err
		}
		if part(s, d.Name) == nil {
			if _, err := driver.Make(ctx, c, nil); err != nil {
				return around, nil, err
			}
		}
		server := plan.Name(s.ID, staging.ResourceWorkload, "data."+d.Name)
		at, err := a.bench(ctx, s.Project, server, &c)
		if err != nil {
			return around, nil, err
		}
		serving, err := a.benchServer(ctx, driver, c, at, server)
		if err != nil {
			return around, nil, err
		}
		if err := driver.Prepare(ctx, c, at); err != nil {
			return around, nil, err
		}
		if around.hosts != nil {
			for _, name := range append([]string{d.Name}, d.Aliases...) {
				around.hosts[name] = at.Host
			}
		}
		to := a.inside(d, at)
		around.stores = append(around.stores, variable.Address{Name: d.Name, Aliases: d.Aliases, Kind: d.Kind, Host: to.Host, Port: to.Port, UsualPort: d.Port,
			User: d.User, Password: c.Password, Declared: d.Password, Database: d.Database, URL: serving.URL, Usual: serving.Variables})
		quiet = append(quiet, func() error { return driver.Quiet(ctx, c, at) })
	}
	return around, quiet, a.giveVolumes(ctx, dep, around)
}

// scratch is a folder for data that the copy has nothing of; its row goes with
// what else the layer needed.
func (a *actor) scratch(ctx context.Context, project, name string) (string, error) {
	row := staging.Resource{Name: plan.Name(a.id, staging.ResourceClone, name), Kind: staging.ResourceClone, Driver: "folder", Owner: a.id, Project: project,
		State: staging.ResourceIntended, CreatedAt: a.Now()}
	if err := a.Store.Write(ctx, func(w Writer) error { return w.PutResource(ctx, row) }); err != nil {
		return "", err
	}
	return a.Folders.Path(row.Name)
}

// giveVolumes hands the copy's volumes to the user that the layer is.
func (a *actor) giveVolumes(ctx context.Context, dep *staging.Deployment, around surroundings) error {
	for _, x := range dep.Stack.Volumes {
		dir, err := around.volume(x.Name)
		if err != nil {
			return err
		}
		c := datastore.Clone{Name: plan.Name(a.id, staging.ResourceClone, x.Name), Owner: a.id, Dir: dir, Store: staging.Datastore{Name: x.Name, Kind: "volume"}}
		if u, ok := a.Platform.(Users); ok {
			service, _, err := u.Users(ctx, a.id)
			if err != nil {
				return err
			}
			c.UID, c.GID = service, service
		}
		if _, err := a.Data["volume"].Make(ctx, c, nil); err != nil { // what the copy has is there
			return err
		}
		if err := copytree.OwnAll(dir, c.UID, c.GID); err != nil {
			return err
		}
	}
	return nil
}

// runLayer runs the layer to its end.
func (a *actor) runLayer(ctx context.Context, s *staging.Snapshot, spec staging.WorkloadSpec) error {
	row := staging.Resource{Name: plan.Name(s.ID, staging.ResourceTask, "layer"), Kind: staging.ResourceTask, Driver: a.Platform.Traits().Name, Owner: s.ID,
		Project: s.Project, SpecHash: hash(spec), State: staging.ResourceIntended, CreatedAt: a.Now()}
	if err := a.Store.Write(ctx, func(w Writer) error { return w.PutResource(ctx, row) }); err != nil {
		return err
	}
	o, err := a.Platform.Apply(ctx, platform.Resource{Kind: row.Kind, Name: row.Name, Owner: row.Owner, SpecHash: row.SpecHash, Workload: &spec})
	for err == nil && o.Presence == staging.Present && o.Run != staging.RunExited {
		o, err = a.Platform.Wait(ctx, ref(row), o)
	}
	if err != nil || o.ExitCode != nil && *o.ExitCode == 0 {
		return err
	}
	reason := o.Reason
	if o.ExitCode == nil {
		reason = "was cut off; how it ended is not known"
	}
	f := &staging.Failure{Class: staging.ClassData, Step: staging.StepData, Service: spec.Service, Message: "the layer task failed: " + reason, ExitCode: o.ExitCode,
		Hint: "mend x-offshoot.layer on the branch of shared staging, and try again"}
	red, own := a.Redactor(ctx, s.Source), redact.New(a.passwords(s))
	for _, line := range a.tail(ctx, row.Name) {
		f.LogTail = append(f.LogTail, own.String(red.String(line)))
	}
	return &staging.Error{Code: staging.ClassCode(f.Class), Message: f.Message, Hint: f.Hint, Failure: f}
}

// passwords are those of a snapshot's servers while a layer runs.
func (a *actor) passwords(s *staging.Snapshot) []string {
	var list []string
	for _, p := range s.Parts {
		list = append(list, a.Password(s.ID, p.Name))
	}
	return list
}
