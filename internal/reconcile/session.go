package reconcile

import (
	"context"
	"maps"
	"slices"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Session is a command that a person runs in an environment.
type Session struct {
	Environment string
	// Service whose code and variables it gets, "" for the primary one.
	Service string
	// Beside runs it in the running instance; else in a fresh sandbox.
	Beside bool
	// Client is psql or redis-cli, for the datastore Data; "" for neither.
	Client  string
	Data    string
	Command []string
	// Term is what the person's terminal calls itself.
	Term string
	// IO is how it is attached; In, Owner, Spec and Command are filled in.
	IO platform.Exec
}

// Run runs a session to its end and answers its exit code. What it needs must
// be awake.
func (e *Engine) Run(ctx context.Context, s Session) (int, error) {
	a, v, dep, err := e.standing(ctx, s.Environment)
	if err != nil {
		return 0, err
	}
	attacher, ok := a.Platform.(platform.Attacher)
	if !ok {
		return 0, staging.Refused("", "the platform cannot attach")
	}
	env := v.Environment
	service, err := sessionService(dep.Stack, s)
	if err != nil {
		return 0, err
	}
	spec, _, err := a.base(ctx, v, dep, service)
	if err != nil {
		return 0, err
	}
	spec.Role = staging.RoleTask
	x := s.IO
	x.Owner, x.Spec, x.Env, x.Command = env.ID, &spec, maps.Clone(spec.Env), staging.Command{Args: s.Command}
	if s.Term != "" {
		x.Env["TERM"] = s.Term
	}
	if len(s.Command) == 0 {
		x.Command = staging.Command{Shell: "if command -v bash >/dev/null; then exec bash -l; else exec sh; fi"}
	}
	if s.Client != "" {
		if err := a.client(ctx, v, dep, s, &x); err != nil {
			return 0, err
		}
	}
	if s.Beside {
		if err := beside(env, dep, service); err != nil {
			return 0, err
		}
		if err := a.tellPort(ctx, x.Env, a.portName(dep, service, 0, firstPort(service))); err != nil {
			return 0, err
		}
		one := *dep
		one.Options.Scale = env.Desired.Scale
		x.In = plan.Workloads(&one, service)[0]
		return attacher.Exec(ctx, x)
	}
	if s.Client != "" && a.Platform.Traits().Images { // beside the server, in its own image
		spec = staging.WorkloadSpec{Role: staging.RoleTask, Image: x.Spec.Image, Env: spec.Env, Hosts: spec.Hosts, Limits: spec.Limits, Labels: spec.Labels}
		x.Spec = &spec
	}
	return a.fresh(ctx, attacher, env, spec, x)
}

// sessionService is whose code a session sees.
func sessionService(stack *staging.Stack, s Session) (staging.Service, error) {
	name := s.Service
	if name == "" {
		name = stack.Primary
	}
	if service, ok := stack.Service(name); ok {
		return service, nil
	}
	if s.Service == "" && len(stack.Services) > 0 {
		return stack.Services[0], nil
	}
	if s.Client != "" {
		return staging.Service{}, nil
	}
	return staging.Service{}, staging.NotFound("offshoot show lists the services", "there is no service %q", name)
}

// beside is whether a service has an instance that a command could run in.
func beside(env staging.Environment, dep *staging.Deployment, x staging.Service) error {
	console := "offshoot console " + env.Slug + " " + x.Name + " -- CMD runs it in a fresh sandbox"
	if x.Schedule != "" {
		return staging.Refused(console, "%s is a cron job: nothing of it runs now", x.Name)
	}
	now := dep.Options
	if now.Scale = env.Desired.Scale; now.Replicas(dep.Stack, x) == 0 {
		return staging.Refused("offshoot scale "+env.Slug+" "+x.Name+"=1, or "+console, "no instance of %s is to run", x.Name)
	}
	return nil
}

// fresh makes a sandbox for the session, runs the command in it and takes it
// away with all that the command left.
func (a *actor) fresh(ctx context.Context, attacher platform.Attacher, env staging.Environment, spec staging.WorkloadSpec, x platform.Exec) (int, error) {
	name := plan.Name(env.ID, staging.ResourceTask, "session."+staging.NewID("s")[2:])
	a.mem.session(name, true)
	defer a.mem.session(name, false)
	spec.Service, spec.Hold = "console", true
	spec.StopGrace = 10 * time.Millisecond
	row := staging.Resource{Name: name, Kind: staging.ResourceTask, Driver: a.Platform.Traits().Name, Owner: env.ID, Project: env.Project,
		State: staging.ResourcePresent, CreatedAt: a.Now()}
	if err := a.Store.Write(ctx, func(w Writer) error { return w.PutResource(ctx, row) }); err != nil {
		return 0, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := a.Platform.Delete(end, ref(row)); err != nil {
			a.Log.Warn("end a session", "environment", env.ID, "error", err)
			return // the row stays: the planner deletes it
		}
		if err := a.Store.Write(end, func(w Writer) error { return w.DeleteResource(end, name) }); err != nil {
			a.Log.Warn("end a session", "environment", env.ID, "error", err)
		}
	}()
	o, err := a.Platform.Apply(ctx, platform.Resource{Kind: row.Kind, Name: name, Owner: env.ID, SpecHash: hash(spec), Workload: &spec})
	for err == nil && o.Run == staging.RunStarting && ctx.Err() == nil {
		o, err = a.Platform.Wait(ctx, ref(row), o) // its view is made once it runs
	}
	if err != nil {
		return 0, err
	}
	x.In = name
	return attacher.Exec(ctx, x)
}

// argv is what a specification runs, written out.
func argv(spec staging.WorkloadSpec) staging.Command {
	if spec.Container == nil {
		return spec.Command
	}
	return staging.Command{Args: append(slices.Clone(spec.Container.Entrypoint), spec.Command.Args...)}
}

// client is the datastore's own client, with its address and password.
func (a *actor) client(ctx context.Context, v *view, dep *staging.Deployment, s Session, x *platform.Exec) error {
	kind := map[string]string{"psql": "postgres", "redis-cli": "redis"}[s.Client]
	for _, d := range dep.Stack.Datastores {
		if d.Kind != kind || s.Data != "" && s.Data != d.Name {
			continue
		}
		driver, c, err := a.cloneOf(ctx, v, dep, d.Name)
		if err != nil {
			return err
		}
		client, ok := driver.(datastore.Client)
		if !ok {
			return staging.Refused("", "%s has no client of its own", kind)
		}
		at, err := a.dataAddress(ctx, dep, d.Name)
		if err != nil {
			return err
		}
		spec, err := client.Console(ctx, c, at, s.Command)
		if err != nil {
			return err
		}
		maps.Copy(x.Env, spec.Env)
		x.Command, x.Spec.Image = argv(spec), spec.Image
		x.Spec.Mounts = append(x.Spec.Mounts, spec.Mounts...)
		return nil
	}
	if s.Data == "" {
		return staging.NotFound("offshoot data show lists what there is", "the environment has no %s", kind)
	}
	return staging.NotFound("offshoot data show lists what there is", "there is no %s %q", kind, s.Data)
}

// Sessions are the running ones of an environment.
func (e *Engine) Sessions(environment string) map[string]bool {
	e.mu.Lock()
	m := e.memory[environment]
	e.mu.Unlock()
	if m == nil {
		return nil
	}
	return m.running()
}
