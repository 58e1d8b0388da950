package reconcile

import (
	"context"
	"net"
	"regexp"
	"slices"
	"strconv"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// inside is where the environment's own workloads reach a datastore: where names
// resolve, as the stack writes it.
func (a *actor) inside(d staging.Datastore, at datastore.Endpoint) datastore.Endpoint {
	if a.Platform.Traits().NamesResolve {
		return datastore.Endpoint{Host: d.Name, Port: d.Port}
	}
	return at
}

// peer is where the environment's own workloads reach a port of a service that
// they call by name.
func (a *actor) peer(name string, target int, at datastore.Endpoint) string {
	if a.Platform.Traits().NamesResolve {
		at = datastore.Endpoint{Host: name, Port: target}
	}
	return net.JoinHostPort(at.Host, strconv.Itoa(at.Port))
}

// password is that of a datastore. One that the stack declares holds where only
// its own workloads reach the server.
func (a *actor) password(ctx context.Context, v *view, d staging.Datastore) (string, error) {
	own := a.Password(a.id, d.Name)
	if !a.Platform.Traits().NamesResolve || d.Password == "" {
		return own, nil
	}
	var vars []staging.Variable
	if staging.HasLate(d.Password) {
		var err error
		if vars, err = a.Variables(ctx, v.project, v.Environment); err != nil {
			return "", err
		}
	}
	declared := staging.ExpandLate(d.Password, func(name string) string {
		for _, x := range slices.Backward(vars) {
			if x.Key == name && x.File == "" {
				return x.Value
			}
		}
		return ""
	})
	if declared == "" {
		return own, nil
	}
	return declared, nil
}

// hosts are what names lead to inside: those of the stack to what is of the same
// deployment, so that two revisions which run side by side never meet.
func (a *actor) hosts(ctx context.Context, v *view, dep *staging.Deployment) (map[string]string, error) {
	hosts := map[string]string{}
	add := func(address string, names ...string) {
		for _, name := range names {
			hosts[name] = address
		}
	}
	named := a.Platform.Traits().NamesResolve
	const loopback = "127.0.0.1"
	for _, d := range dep.Stack.Datastores {
		address := loopback
		if named {
			at, err := a.dataAddress(ctx, dep, d.Name)
			if err != nil {
				return nil, err
			}
			address = at.Host
		}
		add(address, append(slices.Clone(d.Aliases), d.Name)...)
	}
	for _, s := range dep.Stack.Services {
		address := loopback
		if named {
			if dep.Options.Replicas(dep.Stack, s) == 0 || s.Schedule != "" {
				continue
			}
			at, err := a.address(ctx, a.portName(dep, s, 0, firstPort(s)))
			if err != nil {
				return nil, err
			}
			address = at.Host
		}
		add(address, append(slices.Clone(s.Aliases), s.Name)...)
	}
	return hosts, a.outer(ctx, v, dep, hosts)
}

// hostName is a name as /etc/hosts may hold it, spelled as Compose allows services.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?$`)

// outer adds what is reached by the edge: the environment's own hosts, and where
// names lead somewhere its links, unless something of the stack has the name.
func (a *actor) outer(ctx context.Context, v *view, dep *staging.Deployment, hosts map[string]string) error {
	own := a.Site.Hosts(v.project, v.Environment, dep.Stack)
	if !a.Platform.Traits().NamesResolve {
		for host := range own {
			hosts[host] = "127.0.0.1"
		}
		return nil
	}
	at, err := a.address(ctx, plan.DoorEndpoint(a.id))
	if err != nil {
		return err
	}
	if port(a.Site) != 0 { // else something in front of the edge speaks TLS, and is found as from anywhere
		for host := range own {
			hosts[host] = at.Host
		}
	}
	for _, l := range dep.Stack.Links {
		if hosts[l.Name] == "" && hostName.MatchString(l.Name) {
			hosts[l.Name] = at.Host
		}
	}
	return nil
}

// code is what of a service only platforms that run images need.
func (a *actor) code(dep *staging.Deployment, s staging.Service, spec *staging.WorkloadSpec) {
	if !a.Platform.Traits().Images {
		return
	}
	own := s.Container
	spec.Container, spec.Image = &own, s.Image
	if s.Given != "" {
		spec.Image = dep.Progress.Images[s.Given].Run
	}
	if s.ImageBuild != nil {
		spec.Image, spec.Built = "", s.ImageBuild.Name
	}
}

// command is what a service runs, and whether that is what its image is given.
func (a *actor) command(s staging.Service) (c staging.Command, arguments bool) {
	if a.Platform.Traits().Images && s.Command.Shell == "" {
		return staging.Command{Args: s.ImageCommand}, true
	}
	return s.Command, false // a line of a Procfile is a program of its own everywhere
}

// imagesOf are those that a deployment's stack builds, each once.
func imagesOf(stack *staging.Stack) []staging.ImageBuild {
	var list []staging.ImageBuild
	for _, s := range slices.Concat(stack.Services, stack.OneShots) {
		if b := s.ImageBuild; b != nil && !slices.ContainsFunc(list, func(other staging.ImageBuild) bool { return other.Name == b.Name }) {
			list = append(list, *b) // several services may run what one of them builds
		}
	}
	return list
}

// seesCheckout is whether something of a stack sees files of the repository: they
// are kept with what was built.
func seesCheckout(stack *staging.Stack) bool {
	return slices.ContainsFunc(slices.Concat(stack.Services, stack.OneShots), func(s staging.Service) bool {
		return slices.ContainsFunc(s.Mounts, func(m staging.Mount) bool { return m.Kind == staging.MountCheckout })
	})
}

// nothingBuilt is the artifact of a stack whose images all come from elsewhere.
const nothingBuilt = "none"

// portlessPort is what a workload is told whose service declares no port, where
// each has all ports to itself: nothing leads there.
const portlessPort = 8080
