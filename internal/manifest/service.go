package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// project turns what the loader read into the stack.
func (r *reader) project(p *types.Project, file string) {
	var ext stackExtension
	if err := extension(p.Extensions["x-offshoot"], &ext); err != nil {
		f, n := r.where("x-offshoot")
		r.note(staging.NoteRefused, f, n, "x-offshoot", err.Error(), "see docs/compose.md for its keys")
	}
	volumes := map[string]bool{}
	oneShot := map[string]bool{}
	for _, s := range p.Services {
		for name, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionCompletedSuccessfully {
				oneShot[name] = true
			}
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(p.Services), r.written) {
		s := p.Services[name]
		var x serviceExtension
		if err := extension(s.Extensions["x-offshoot"], &x); err != nil {
			f, n := r.where("services." + name + ".x-offshoot")
			r.note(staging.NoteRefused, f, n, "services."+name+".x-offshoot", err.Error(), "see docs/compose.md for its keys")
			continue
		}
		if kind, ok := datastoreKind(s.Image); ok && s.Build == nil {
			r.datastore(s, kind)
			continue
		}
		service := r.service(s, x, volumes)
		if oneShot[name] {
			r.stack.Release = append(r.stack.Release, staging.Task{Name: name, Service: name, Command: service.Command})
			r.note(staging.NoteGuessed, service.File, service.Line, "services."+name, name+" is a release task: others wait until it has ended well", "")
			service.Schedule = neverScheduled
		}
		r.stack.Services = append(r.stack.Services, service)
	}
	for _, name := range slices.Sorted(maps.Keys(volumes)) {
		r.stack.Volumes = append(r.stack.Volumes, staging.Volume{Name: name, Clone: volumes[name]})
	}
	r.extend(ext, file)
}

// neverScheduled marks a service that runs as a task only.
const neverScheduled = "@task"

// written orders services as the file does.
func (r *reader) written(a, b string) int {
	at := func(name string) int {
		_, n := r.where("services." + name)
		return n
	}
	return cmp.Or(cmp.Compare(at(a), at(b)), strings.Compare(a, b))
}

func (r *reader) service(s types.ServiceConfig, x serviceExtension, volumes map[string]bool) staging.Service {
	v := staging.Service{Name: s.Name, Image: s.Image, Replicas: 1, Schedule: x.Schedule, ScheduleEnabled: x.Enabled,
		Entrypoint: s.Entrypoint, ImageCommand: s.Command, StopSignal: s.StopSignal, WorkingDir: s.WorkingDir}
	v.File, v.Line = r.where("services." + s.Name)
	if s.Scale != nil {
		v.Replicas = *s.Scale
	}
	if s.StopGracePeriod != nil {
		v.StopGrace = time.Duration(*s.StopGracePeriod)
	}
	if s.Build != nil {
		v.ImageBuild = &staging.ImageBuild{Context: s.Build.Context, Dockerfile: s.Build.Dockerfile, Target: s.Build.Target, Args: plainValues(s.Build.Args)}
	}
	v.Environment = r.environment(s)
	r.limits(s, &v)
	r.ports(s, &v)
	r.mounts(s, x, &v, volumes)
	r.health(s, x, &v)
	for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
		v.DependsOn = append(v.DependsOn, staging.Dependency{Name: name, Condition: staging.Condition(s.DependsOn[name].Condition)})
	}
	if x.Public != nil {
		v.Public = *x.Public
	} else {
		v.Public = len(v.Ports) > 0 && len(s.Ports) > 0
	}
	r.command(s, x, &v)
	return v
}

// command is what runs without an image: process.command, Compose's own, or
// what the Dockerfile says. A Procfile's comes later and wins over the last two.
func (r *reader) command(s types.ServiceConfig, x serviceExtension, v *staging.Service) {
	switch {
	case x.Process != nil && !staging.Command(x.Process.Command).Empty():
		v.Command = staging.Command(x.Process.Command)
	case len(s.Command) > 0 || len(s.Entrypoint) > 0:
		v.Command = staging.Command{Args: append(slices.Clone([]string(s.Entrypoint)), s.Command...)}
	case s.Build != nil:
		v.Command = r.dockerfileCommand(path.Join(s.Build.Context, cmp.Or(s.Build.Dockerfile, "Dockerfile")))
	}
	v.WorkingDir = r.workingDir(s)
	if x.Process != nil && x.Process.Build != nil {
		step := staging.BuildStep{Name: s.Name, Command: staging.Command(*x.Process.Build), Cache: x.Process.Cache}
		if !staging.Command(step.Command).Empty() {
			r.stack.Build = append(r.stack.Build, step)
		}
	}
}

// workingDir is where the code lies inside: a mount or image of the checkout
// appears at /app whatever its own path is.
func (r *reader) workingDir(s types.ServiceConfig) string {
	context := "."
	if s.Build != nil && s.Build.Context != "" && !outside(s.Build.Context) {
		context = s.Build.Context
	}
	for _, m := range s.Volumes {
		if m.Type == types.VolumeTypeBind && s.WorkingDir != "" && (s.WorkingDir == m.Target || strings.HasPrefix(s.WorkingDir, m.Target+"/")) {
			return path.Join("/app", m.Source, strings.TrimPrefix(s.WorkingDir, m.Target))
		}
	}
	return path.Join("/app", context)
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

// environment is env_file under environment; a name without a value takes the
// project's.
func (r *reader) environment(s types.ServiceConfig) map[string]string {
	env := map[string]string{}
	for i, f := range s.EnvFiles {
		key := "services." + s.Name + ".env_file"
		file, line := r.where(key)
		text, err := r.readFile(f.Path)
		if err != nil {
			kind, hint := staging.NoteMissing, "its variables come from `offshoot project secret import FILE`"
			if outside(f.Path) {
				kind, hint = staging.NoteRefused, "keep it inside the repository, or use `offshoot project secret import FILE`"
			}
			r.note(kind, file, line, fmt.Sprintf("%s.%d", key, i), "env_file "+f.Path+" is not in the repository", hint)
			maps.Copy(env, r.o.Variables)
			continue
		}
		values, err := parseEnv(text, r.o.Variables)
		if err != nil {
			r.note(staging.NoteRefused, f.Path, 0, "", err.Error(), "write lines of KEY=value")
		}
		maps.Copy(env, values)
	}
	for k, v := range s.Environment {
		if v != nil {
			env[k] = *v
		} else if value, ok := r.o.Variables[k]; ok {
			env[k] = value
		} else {
			r.unset[k] = true
		}
	}
	return env
}

func (r *reader) limits(s types.ServiceConfig, v *staging.Service) {
	v.Limits = staging.Limits{CPUs: float64(s.CPUS), Memory: int64(s.MemLimit), PIDs: s.PidsLimit}
	if s.Deploy == nil {
		return
	}
	if s.Deploy.Replicas != nil {
		v.Replicas = *s.Deploy.Replicas
	}
	if l := s.Deploy.Resources.Limits; l != nil {
		v.Limits = staging.Limits{CPUs: float64(l.NanoCPUs), Memory: int64(l.MemoryBytes), PIDs: l.Pids}
	}
}

func (r *reader) ports(s types.ServiceConfig, v *staging.Service) {
	add := func(target int, protocol string) {
		has := slices.ContainsFunc(v.Ports, func(p staging.Port) bool { return p.Target == target })
		if target > 0 && target < 65536 && !has && protocol != "udp" {
			v.Ports = append(v.Ports, staging.Port{Target: target, Protocol: "tcp"})
		}
	}
	for _, p := range s.Ports {
		add(int(p.Target), p.Protocol)
		if p.Published != "" {
			f, n := r.where("services." + s.Name + ".ports")
			r.note(staging.NoteIgnored, f, n, "services."+s.Name+".ports", "host port "+p.Published+" becomes a route", "")
		}
	}
	for _, e := range s.Expose {
		text, protocol, _ := strings.Cut(e, "/")
		n, _ := strconv.Atoi(text)
		add(n, protocol)
	}
}

func (r *reader) mounts(s types.ServiceConfig, x serviceExtension, v *staging.Service, volumes map[string]bool) {
	for _, t := range s.Tmpfs {
		target, _, _ := strings.Cut(t, ":")
		v.Mounts = append(v.Mounts, staging.Mount{Kind: staging.MountTmpfs, Target: target})
	}
	clone := x.Clone == nil || *x.Clone
	for i, m := range s.Volumes {
		key := fmt.Sprintf("services.%s.volumes.%d", s.Name, i)
		mount := staging.Mount{Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
		switch m.Type {
		case types.VolumeTypeTmpfs:
			mount.Kind, mount.Source = staging.MountTmpfs, ""
		case types.VolumeTypeVolume:
			mount.Kind = staging.MountVolume
			if m.Source == "" { // anonymous: the platform's own layer keeps it for the deployment
				continue
			}
			volumes[m.Source] = volumes[m.Source] || clone
		case types.VolumeTypeBind:
			if outside(m.Source) {
				f, n := r.where(key)
				r.note(staging.NoteRefused, f, n, key, "mount of "+m.Source+": outside the repository", "use a named volume, or a path of the repository")
				continue
			}
			if !r.tracked(m.Source) {
				name := "path-" + strings.Trim(strings.Map(slugRune, m.Source), "-")
				mount.Kind, mount.Source = staging.MountVolume, name
				volumes[name] = volumes[name] || clone
				break
			}
			mount.Kind = staging.MountCheckout
		default:
			f, n := r.where(key)
			r.note(staging.NoteRefused, f, n, key, "mounts of type "+m.Type+" are not supported", "use a named volume")
			continue
		}
		v.Mounts = append(v.Mounts, mount)
	}
}

func slugRune(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' {
		return c
	}
	return '-'
}

func (r *reader) tracked(p string) bool {
	p = path.Clean(p)
	if p == "." {
		return true
	}
	if r.o.Tracked != nil {
		return r.o.Tracked(p)
	}
	_, err := r.root.Stat(p)
	return err == nil
}

func (r *reader) health(s types.ServiceConfig, x serviceExtension, v *staging.Service) {
	if h := s.HealthCheck; h != nil {
		v.Health.Disabled = h.Disable
		if len(h.Test) > 1 && h.Test[0] == "CMD" {
			v.Health.Test = staging.Command{Args: h.Test[1:]}
		} else if len(h.Test) > 1 && h.Test[0] == "CMD-SHELL" {
			v.Health.Test = staging.Command{Shell: h.Test[1]}
		} else if len(h.Test) == 1 && h.Test[0] == "NONE" {
			v.Health.Disabled = true
		}
		if h.Interval != nil {
			v.Health.Interval = time.Duration(*h.Interval)
		}
	}
	if x.Health != nil {
		v.Health.Path, v.Health.Timeout = x.Health.Path, max(0, time.Duration(x.Health.Timeout))
		if v.Health.Path != "" && !strings.HasPrefix(v.Health.Path, "/") {
			f, n := r.where("services." + s.Name + ".x-offshoot.health.path")
			r.note(staging.NoteRefused, f, n, "services."+s.Name+".x-offshoot.health.path", "the path must begin with /", "write path: /"+v.Health.Path)
		}
	}
}
