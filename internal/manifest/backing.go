package manifest

import (
	"slices"

	"offshoot/internal/staging"
)

// backing finds the services that others stand on: images of elsewhere with data
// of their own, such as MySQL, since two of them never share it, and those that a
// task's service depends on, since tasks run before services do. What depends on
// the repository's own code, or is told of it by files of the repository, starts
// with that.
func (r *reader) backing() {
	needed, found := r.needed(), map[string]bool{}
	for i := range r.stack.Services {
		v := &r.stack.Services[i]
		if v.ImageBuild != nil || v.Image == "" || v.Schedule != "" || v.Replicas != 1 {
			continue
		}
		told := slices.ContainsFunc(v.Mounts, func(m staging.Mount) bool { return m.Kind == staging.MountCheckout })
		found[v.Name] = needed[v.Name] || imageData[imageName(v.Image)] != "" || !told && r.keepsData(v)
	}
	for range r.stack.Services { // each round finds those that depend on one who is none
		for _, v := range r.stack.Services {
			if slices.ContainsFunc(v.DependsOn, func(d staging.Dependency) bool { return !found[d.Name] }) {
				found[v.Name] = false
			}
		}
	}
	for i := range r.stack.Services {
		r.stack.Services[i].Backing = found[r.stack.Services[i].Name]
	}
}

// keepsData is whether a service alone writes to a volume.
func (r *reader) keepsData(v *staging.Service) bool {
	return slices.ContainsFunc(v.Mounts, func(m staging.Mount) bool {
		return m.Kind == staging.MountVolume && !m.ReadOnly && !slices.ContainsFunc(slices.Concat(r.stack.Services, r.stack.OneShots), func(other staging.Service) bool {
			return other.Name != v.Name && slices.ContainsFunc(other.Mounts, func(o staging.Mount) bool { return o.Kind == m.Kind && o.Source == m.Source && !o.ReadOnly })
		})
	})
}

// needed are the services that must be up before the stack's tasks, by what the
// tasks' services depend on.
func (r *reader) needed() map[string]bool {
	found := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		v, _ := r.stack.Service(name)
		for _, d := range v.DependsOn {
			if !found[d.Name] {
				found[d.Name] = true
				follow(d.Name)
			}
		}
	}
	for _, t := range r.stack.Release {
		follow(t.Service)
	}
	if r.stack.Seed != nil {
		follow(r.stack.Seed.Service)
	}
	return found
}
