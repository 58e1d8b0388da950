package manifest

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adhocore/gronx"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// project turns the merged model into the stack.
func (r *reader) project(ctx context.Context, model map[string]any, p part) {
	stack, services := r.extensions(model)
	volumes := r.volumeExtensions(model)
	details := types.ConfigDetails{WorkingDir: filepath.Join(r.dir, p.dir), Environment: types.Mapping{}}
	options := loader.ToOptions(&details, []func(*loader.Options){r.options(p.values)})
	project, err := loader.ModelToProject(model, options, details)
	if err != nil {
		r.loaderSays(p.files, err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(project.DisabledServices)) {
		r.profiles = append(r.profiles, project.DisabledServices[name].Profiles...)
		r.ignore([]string{"services", name, "profiles"}, name+" does not run: its profile is not in COMPOSE_PROFILES")
	}
	oneShot := map[string]bool{}
	for _, s := range project.Services {
		for name, d := range s.DependsOn {
			oneShot[name] = oneShot[name] || d.Condition == types.ServiceConditionCompletedSuccessfully
		}
	}
	r.networks(project)
	r.datastores(project)
	for _, name := range slices.SortedFunc(maps.Keys(project.Services), r.inOrder) {
		s := project.Services[name]
		if _, ok := r.stack.Datastore(name); ok {
			continue
		}
		if catchesMail(s) {
			r.catcher(project, s)
			continue
		}
		x := services[name]
		service := r.service(project, s, x)
		r.mounts(s, x, volumes, &service)
		if oneShot[name] {
			r.stack.Release = append(r.stack.Release, staging.Task{Name: name, Service: name, Command: service.Command})
			r.stack.OneShots = append(r.stack.OneShots, service)
			continue
		}
		r.stack.Services = append(r.stack.Services, service)
	}
	r.extend(stack)
}

// networks says what is not kept that keeps services in: an environment has one
// network.
func (r *reader) networks(p *types.Project) {
	for _, name := range slices.Sorted(maps.Keys(p.Networks)) {
		if at := []string{"networks", name, "internal"}; p.Networks[name].Internal {
			file, line := r.where(at)
			r.note(staging.NoteIgnored, file, line, strings.Join(at, "."), "internal is ignored: what is reached outside is the project's to say", "offshoot project set --outbound listed")
		}
	}
}

// inOrder orders services as the files do.
func (r *reader) inOrder(a, b string) int {
	at := func(name string) int {
		for _, d := range slices.Backward(r.order) {
			if _, line := find(d.root, []string{"services", name}, 0); line > 0 {
				return line
			}
		}
		return 0
	}
	return cmp.Or(cmp.Compare(at(a), at(b)), strings.Compare(a, b))
}

func (r *reader) service(p *types.Project, s types.ServiceConfig, x serviceExtension) staging.Service {
	v := staging.Service{Name: s.Name, Image: s.Image, Replicas: 1, Schedule: x.Schedule, ScheduleEnabled: x.Enabled,
		Container: staging.Container{Entrypoint: s.Entrypoint}, ImageCommand: s.Command, StopSignal: s.StopSignal, Aliases: aliases(p, s)}
	v.File, v.Line = r.where([]string{"services", s.Name})
	if v.Schedule != "" && !gronx.IsValid(v.Schedule) {
		r.refuse([]string{"services", s.Name, extensionKey, "schedule"}, "the schedule "+strconv.Quote(v.Schedule)+" is no cron expression", `for example "*/15 * * * *"`)
	}
	if s.Scale != nil {
		v.Replicas = *s.Scale
	}
	if s.StopGracePeriod != nil {
		v.StopGrace = time.Duration(*s.StopGracePeriod)
	}
	v.Environment = r.environment(s)
	r.limits(s, &v)
	r.ports(s, &v)
	r.files(p, s, &v)
	r.health(s, x, &v)
	r.dependsOn(p, s, &v)
	v.Public = len(s.Ports) > 0 && !noWeb[imageName(s.Image)]
	if x.Public != nil {
		v.Public = *x.Public
		if v.Public && len(v.Ports) == 0 {
			r.refuse([]string{"services", s.Name, "x-offshoot", "public"}, s.Name+" is public and has no port", "write ports or expose")
		}
	}
	v.Once = endsForGood(s)
	r.way.service(r, p, s, x, &v)
	return v
}

// endsForGood is whether Compose leaves a service alone that ended with 0. What
// crashes is started again all the same: nobody is there to do it.
func endsForGood(s types.ServiceConfig) bool {
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		c := s.Deploy.RestartPolicy.Condition
		return c == "none" || c == "on-failure"
	}
	return s.Restart == "" || s.Restart == types.RestartPolicyNo || strings.HasPrefix(s.Restart, types.RestartPolicyOnFailure)
}

// aliases are the other names by which the stack's services may call one.
func aliases(p *types.Project, s types.ServiceConfig) []string {
	names := map[string]bool{s.ContainerName: true, s.Hostname: true}
	for _, n := range s.Networks {
		if n != nil {
			for _, a := range n.Aliases {
				names[a] = true
			}
		}
	}
	for _, other := range p.Services {
		for _, l := range other.Links {
			if name, alias, ok := strings.Cut(l, ":"); ok && name == s.Name {
				names[alias] = true
			}
		}
	}
	delete(names, "")
	delete(names, s.Name)
	for name := range p.Services {
		delete(names, name) // a service's own name counts before another's alias
	}
	if len(names) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(names))
}

func plainValues(m types.MappingWithEquals) map[string]string {
	values := map[string]string{}
	for k, v := range m {
		if v != nil {
			values[k] = *v
		}
	}
	return values
}

func (r *reader) limits(s types.ServiceConfig, v *staging.Service) {
	v.Limits = staging.Limits{CPUs: float64(s.CPUS), Memory: int64(s.MemLimit), PIDs: s.PidsLimit}
	if s.Deploy != nil {
		if s.Deploy.Replicas != nil {
			v.Replicas = *s.Deploy.Replicas
		}
		if l := s.Deploy.Resources.Limits; l != nil { // each of them counts before its older name
			v.Limits = staging.Limits{CPUs: cmp.Or(float64(l.NanoCPUs), v.Limits.CPUs), Memory: cmp.Or(int64(l.MemoryBytes), v.Limits.Memory), PIDs: cmp.Or(l.Pids, v.Limits.PIDs)}
		}
	}
	v.Limits.PIDs = max(0, v.Limits.PIDs) // -1 is Compose's word for no limit
}

func (r *reader) ports(s types.ServiceConfig, v *staging.Service) {
	add := func(target int, protocol string) {
		switch {
		case protocol == "udp" || protocol == "sctp":
			r.ignore([]string{"services", s.Name, "ports"}, "port "+strconv.Itoa(target)+"/"+protocol+" is not routed")
		case target > 0 && target < 65536 && !slices.ContainsFunc(v.Ports, func(p staging.Port) bool { return p.Target == target }):
			v.Ports = append(v.Ports, staging.Port{Target: target})
		}
	}
	for _, p := range s.Ports {
		add(int(p.Target), p.Protocol)
	}
	r.published(s, "it becomes a route")
	for _, e := range s.Expose {
		text, protocol, _ := strings.Cut(e, "/")
		first, last, ranged := strings.Cut(text, "-")
		from, err := strconv.Atoi(first)
		to := from
		if ranged && err == nil {
			to, err = strconv.Atoi(last)
		}
		if err != nil || to-from > 100 {
			r.refuse([]string{"services", s.Name, "expose"}, strconv.Quote(e)+" is no port", "write a number from 1 to 65535")
			continue
		}
		for ; from <= to; from++ {
			add(from, protocol)
		}
	}
}

// published notes the ports of the host that a service asks for.
func (r *reader) published(s types.ServiceConfig, instead string) {
	for _, p := range s.Ports {
		if p.Published != "" {
			at := []string{"services", s.Name, "ports"}
			file, line, _ := r.item(at, p.Published)
			r.note(staging.NoteIgnored, file, line, strings.Join(at, "."), "host port "+p.Published+" is ignored: "+instead, "")
		}
	}
}

func (r *reader) dependsOn(p *types.Project, s types.ServiceConfig, v *staging.Service) {
	for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
		d := s.DependsOn[name]
		if _, ok := p.Services[name]; ok {
			// The short form says the same, and mostly means a service that answers.
			started := d.Condition == types.ServiceConditionStarted && r.written([]string{"services", s.Name, "depends_on", name, "condition"})
			v.DependsOn = append(v.DependsOn, staging.Dependency{Name: name, Started: started})
			continue
		}
		_, disabled := p.DisabledServices[name]
		if d.Required && !disabled {
			r.refuse([]string{"services", s.Name, "depends_on", name}, s.Name+" waits for "+name+", which is no service",
				didYouMean(name, slices.Sorted(maps.Keys(p.Services))))
		}
	}
}

// maxHealthWait bounds how long a deployment waits for a declared check.
const maxHealthWait = 15 * time.Minute

func (r *reader) health(s types.ServiceConfig, x serviceExtension, v *staging.Service) {
	if h := s.HealthCheck; h != nil {
		v.Health.Disabled = h.Disable || len(h.Test) > 0 && h.Test[0] == "NONE"
		if len(h.Test) > 1 && h.Test[0] == "CMD" {
			v.Health.Test = staging.Command{Args: h.Test[1:]}
		} else if len(h.Test) > 1 && h.Test[0] == "CMD-SHELL" {
			v.Health.Test = staging.Command{Shell: h.Test[1]}
		}
		// Compose looks once an interval for as long as it runs; a deployment
		// wants to know now, and not to give up before Compose would.
		interval, retries := 30*time.Second, uint64(3)
		if h.Interval != nil {
			interval = time.Duration(*h.Interval)
			v.Health.Interval = min(interval, 2*time.Second)
		}
		if h.StartInterval != nil {
			v.Health.Interval = min(time.Duration(*h.StartInterval), 2*time.Second)
		}
		if h.Retries != nil {
			retries = min(*h.Retries, 1000)
		}
		if h.Timeout != nil {
			v.Health.Try = min(time.Duration(*h.Timeout), maxHealthWait)
		}
		wait := time.Duration(retries) * interval
		if h.StartPeriod != nil {
			wait += time.Duration(*h.StartPeriod)
		}
		if wait > time.Minute && !v.Health.Disabled {
			v.Health.Timeout = min(wait, maxHealthWait)
		}
	}
	if x.Health == nil {
		return
	}
	if x.Health.Timeout > 0 {
		v.Health.Timeout = time.Duration(x.Health.Timeout)
	}
	if v.Health.Path = x.Health.Path; v.Health.Path != "" && !strings.HasPrefix(v.Health.Path, "/") {
		r.refuse([]string{"services", s.Name, "x-offshoot", "health", "path"}, "the path must begin with /", "write path: /"+v.Health.Path)
	}
}
