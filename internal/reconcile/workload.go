package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
	"offshoot/internal/variable"
)

// address is where an endpoint of the ledger was allotted. One that cannot be
// seen just now is waited for: that says nothing about the endpoint.
func (a *actor) address(ctx context.Context, name string) (datastore.Endpoint, error) {
	o := a.look(ctx, staging.Resource{Name: name, Kind: staging.ResourceEndpoint, Owner: a.id})
	if o.Presence == staging.Unknown {
		return datastore.Endpoint{}, &staging.Waiting{Reason: "where " + name + " is cannot be seen: " + o.Reason, Err: ctx.Err()}
	}
	host, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return datastore.Endpoint{}, fmt.Errorf("address of %s: %s %s", name, o.Presence, o.Reason)
	}
	n, err := strconv.Atoi(port)
	return datastore.Endpoint{Host: host, Port: n}, err
}

func (a *actor) dataAddress(ctx context.Context, dep *staging.Deployment, name string) (datastore.Endpoint, error) {
	return a.address(ctx, plan.DataEndpoint(dep, name))
}

func (a *actor) serving(ctx context.Context, v *view, dep *staging.Deployment, d staging.Datastore) (datastore.Serving, error) {
	driver, c, err := a.cloneOf(ctx, v, dep, d.Name)
	if err != nil {
		return datastore.Serving{}, err
	}
	at, err := a.dataAddress(ctx, dep, d.Name)
	if err != nil {
		return datastore.Serving{}, err
	}
	return driver.Serve(ctx, c, a.inside(d, at))
}

// upstreams are the addresses of a service's instances at its first port.
func (a *actor) upstreams(ctx context.Context, v *view, dep *staging.Deployment, s staging.Service) ([]string, error) {
	var list []string
	for i := range dep.Options.Replicas(dep.Stack, s) {
		at, err := a.address(ctx, a.portName(dep, s, i, s.Ports[0].Target))
		if err != nil {
			return nil, err
		}
		list = append(list, net.JoinHostPort(at.Host, strconv.Itoa(at.Port)))
	}
	return list, nil
}

func (a *actor) portName(dep *staging.Deployment, s staging.Service, instance, port int) string {
	return plan.EndpointName(a.bundles(), dep, s.Name, instance, port)
}

// surroundings are what the code of a stack finds about it: its data, and its
// peers.
type surroundings struct {
	stores []variable.Address
	// peers are name or alias to port to HOST:PORT.
	peers map[string]map[int]string
	// hosts are what names lead to, nil where all that the stack names is there.
	hosts map[string]string
	// mail is where mail is caught, nil on a golden copy: nothing does there.
	mail *variable.Mail
	// volume is where the data of that name lies.
	volume func(name string) (string, error)
}

// surroundings are those of an environment.
func (a *actor) surroundings(ctx context.Context, v *view, dep *staging.Deployment) (surroundings, error) {
	around := surroundings{peers: map[string]map[int]string{}, volume: func(name string) (string, error) { return a.Folders.Path(plan.CloneName(dep, name)) }}
	for _, d := range dep.Stack.Datastores {
		serving, err := a.serving(ctx, v, dep, d)
		if err != nil {
			return around, err
		}
		at, err := a.dataAddress(ctx, dep, d.Name)
		if err != nil {
			return around, err
		}
		password, err := a.password(ctx, v, d)
		if err != nil {
			return around, err
		}
		at = a.inside(d, at)
		around.stores = append(around.stores, variable.Address{Name: d.Name, Aliases: d.Aliases, Kind: d.Kind, Host: at.Host, Port: at.Port, UsualPort: d.Port,
			User: d.User, Password: password, Declared: d.Password, Database: d.Database, URL: serving.URL, Usual: serving.Variables})
	}
	for _, peer := range dep.Stack.Services {
		for _, p := range peer.Ports {
			if dep.Options.Replicas(dep.Stack, peer) == 0 {
				continue
			}
			at, err := a.address(ctx, a.portName(dep, peer, 0, p.Target))
			if err != nil {
				return around, err
			}
			for _, name := range append([]string{peer.Name}, peer.Aliases...) {
				if around.peers[name] == nil {
					around.peers[name] = map[int]string{}
				}
				around.peers[name][p.Target] = a.peer(name, p.Target, at)
			}
		}
	}
	var err error
	around.mail, err = a.mailSurroundings(ctx, dep)
	return around, err
}

// variables is the environment of a service's code.
func (a *actor) variables(ctx context.Context, v *view, dep *staging.Deployment, s staging.Service, around surroundings) (variable.Result, error) {
	in := variable.Input{AsWritten: a.Platform.Traits().NamesResolve, Stack: s.Environment, Files: s.Files, Own: dep.Options.Env, Datastores: around.stores, Peers: around.peers, Names: dep.Stack.Names(), Mail: around.mail,
		Allow: v.project.Policy.AllowHosts, File: s.File, Line: s.Line}
	vars, err := a.Variables(ctx, v.project, v.Environment)
	if err != nil {
		return variable.Result{}, err
	}
	in.Project = append(in.Project, vars...)
	in.Ours = variable.Ours(v.Environment, dep.Revision, a.Site.PrimaryURL(v.project, v.Environment), a.Site.URLs(v.project, v.Environment, dep.Stack))
	in.Ours["OFFSHOOT_CRONS"] = "off"
	if s.CronsOn(v.Environment.Kind) {
		in.Ours["OFFSHOOT_CRONS"] = "on"
	}
	if err := a.linkVariables(ctx, v, dep, &in); err != nil {
		return variable.Result{}, err
	}
	res, err := variable.Resolve(in)
	return res, blame(err, s)
}

// blame says where in the stack a variable stands that is refused.
func blame(err error, s staging.Service) error {
	var e *staging.Error
	if !errors.As(err, &e) || e.Failure != nil {
		return err
	}
	key, _, _ := strings.Cut(e.Message, " ")
	if _, ok := s.Environment[key]; !ok {
		return err
	}
	p := staging.Problem{File: s.File, Line: s.Line, Key: "services." + s.Name + ".environment." + key, Message: e.Message, Hint: e.Hint}
	e.Failure = &staging.Failure{Class: staging.Class(e.Code), Service: s.Name, Message: e.Message, Hint: e.Hint, File: p.File, Line: p.Line, Problems: []staging.Problem{p}}
	return e
}

// workload describes an instance of a service, or a task with its code and
// variables.
func (a *actor) workload(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) (staging.WorkloadSpec, error) {
	service, command, arguments, timeout := op.Service, staging.Command{}, false, taskLimit
	if op.Kind == staging.ResourceTask {
		t, err := taskOf(dep.Stack, op)
		if err != nil {
			return staging.WorkloadSpec{}, err
		}
		service, command = t.Service, t.Command
		if slices.ContainsFunc(dep.Stack.OneShots, func(s staging.Service) bool { return s.Name == t.Name }) {
			s, _ := dep.Stack.Service(t.Name)
			command, arguments = a.command(s)
		}
		if limit := v.project.Policy.ReleaseTimeout; limit > 0 {
			timeout = limit
		}
		if t.Timeout > 0 {
			timeout = t.Timeout
		}
	}
	s, _ := dep.Stack.Service(service)
	spec, vars, err := a.base(ctx, v, dep, s)
	if err == nil {
		err = a.noted(ctx, v, dep, vars.Notes)
	}
	if err != nil {
		return spec, err
	}
	if op.Kind == staging.ResourceTask {
		if left := v.farewell(); left > 0 {
			timeout = left
		}
		spec.Service, spec.Role, spec.Timeout = op.Service, staging.RoleTask, timeout
		spec.Command, spec.Arguments = vars.Command(command, spec.Env), arguments
		return spec, nil
	}
	spec.Restart, spec.Once, spec.Aliases = true, s.Once, s.Aliases
	if err := a.tellPort(ctx, spec.Env, a.portName(dep, s, op.Instance, firstPort(s))); err != nil {
		return spec, err
	}
	command, spec.Arguments = a.command(s)
	spec.Command = vars.Command(command, spec.Env)
	if s.Backing {
		a.outlives(dep.Stack, &spec)
	}
	return spec, nil
}

// outlives leaves out of a backing service's workload what is of one revision
// alone.
func (a *actor) outlives(stack *staging.Stack, spec *staging.WorkloadSpec) {
	if !slices.ContainsFunc(spec.Mounts, func(m staging.HostMount) bool { return m.Checkout }) {
		spec.Artifact = ""
	}
	for _, s := range stack.Services {
		if s.Backing {
			continue
		}
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			delete(spec.Hosts, name)
		}
	}
}

// firstPort is the port by which a service's PORT is allotted.
func firstPort(s staging.Service) int {
	if len(s.Ports) == 0 {
		return plan.Portless
	}
	return s.Ports[0].Target
}

// tellPort puts the port of an endpoint into an environment. A bundle has none
// for what declares none.
func (a *actor) tellPort(ctx context.Context, env map[string]string, endpoint string) error {
	if a.bundles() && a.look(ctx, staging.Resource{Name: endpoint, Kind: staging.ResourceEndpoint, Owner: a.id}).Presence == staging.Absent {
		return nil
	}
	at, err := a.address(ctx, endpoint)
	if err == nil {
		env["PORT"] = strconv.Itoa(cmp.Or(at.Port, portlessPort))
	}
	return err
}

func taskOf(stack *staging.Stack, op plan.Op) (staging.Task, error) {
	switch {
	case op.Service == "release" && op.Instance < len(stack.Release):
		return stack.Release[op.Instance], nil
	case op.Service == "init" && op.Instance < len(stack.Init):
		return stack.Init[op.Instance], nil
	case len(hookCommands(stack, op)) > op.Instance:
		return staging.Task{Service: stack.Primary, Command: hookCommands(stack, op)[op.Instance]}, nil
	case op.Service == "seed" && stack.Seed != nil:
		return *stack.Seed, nil
	}
	return staging.Task{}, fmt.Errorf("the stack has no task %s %d", op.Service, op.Instance)
}

// base is what everything with a service's code has in common, as a task gets
// it.
func (a *actor) base(ctx context.Context, v *view, dep *staging.Deployment, s staging.Service) (staging.WorkloadSpec, variable.Result, error) {
	around, err := a.surroundings(ctx, v, dep)
	if err != nil {
		return staging.WorkloadSpec{}, variable.Result{}, err
	}
	return a.within(ctx, v, dep, s, around)
}

// within is what code of a service is told of its surroundings.
func (a *actor) within(ctx context.Context, v *view, dep *staging.Deployment, s staging.Service, around surroundings) (staging.WorkloadSpec, variable.Result, error) {
	vars, err := a.variables(ctx, v, dep, s, around)
	if err != nil {
		return staging.WorkloadSpec{}, vars, err
	}
	spec := staging.WorkloadSpec{Service: s.Name, Role: staging.RoleService, Artifact: dep.Progress.Artifact, Dir: s.WorkingDir, Env: vars.Env, Files: vars.Files,
		Limits: sized(dep.Stack, dep.Options.Size, s), StopSignal: s.StopSignal, StopGrace: s.StopGrace,
		Labels: map[string]string{"project": v.project.Name, "branch": v.Environment.Branch}}
	a.code(dep, s, &spec)
	if spec.Hosts = around.hosts; spec.Hosts == nil {
		if spec.Hosts, err = a.hosts(ctx, v, dep); err != nil {
			return spec, vars, err
		}
	}
	if around.mail != nil {
		for _, name := range mailNames(dep.Stack) {
			spec.Hosts[name] = around.mail.Host
		}
	}
	for _, m := range s.Mounts {
		switch m.Kind {
		case staging.MountCheckout:
			spec.Mounts = append(spec.Mounts, staging.HostMount{Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly, Checkout: true, Keep: m.Keep})
		case staging.MountTmpfs:
			spec.Mounts = append(spec.Mounts, staging.HostMount{Target: m.Target, Tmpfs: true, Options: m.Options})
		case staging.MountVolume:
			dir, err := around.volume(m.Source)
			if err != nil {
				return spec, vars, err
			}
			spec.Mounts = append(spec.Mounts, staging.HostMount{Source: dir, Target: m.Target, ReadOnly: m.ReadOnly, Fill: m.Fill})
		}
	}
	spec.Env = maps.Clone(spec.Env)
	return spec, vars, a.tellPort(ctx, spec.Env, plan.TaskEndpoint(a.id))
}

// noted keeps which values were re-emitted, for people to see.
func (a *actor) noted(ctx context.Context, v *view, dep *staging.Deployment, notes []staging.Note) error {
	missing := slices.DeleteFunc(slices.Clone(notes), func(n staging.Note) bool { return slices.Contains(dep.Notes, n) })
	if len(missing) == 0 {
		return nil
	}
	return a.change(ctx, v, dep.ID, func(d *staging.Deployment) {
		for _, n := range missing {
			if !slices.Contains(d.Notes, n) {
				d.Notes = append(d.Notes, n)
			}
		}
	})
}
