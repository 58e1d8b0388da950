package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// holder is what runs for an environment's data rather than for a revision: a
// data server, or a backing service. There is never a second one on what it has,
// and it goes on from revision to revision as long as they say the same of it.
type holder struct {
	item
	// engine, version and database are what another revision must agree with to find
	// its data again.
	engine, version, database string
	// clones are the data it has, by their names in the stack.
	clones []string
	// backing is whether it is a service, after what services it depends on.
	backing bool
	after   []string
	// built is whether it runs or sees what the build leaves.
	built bool
}

// holders are those of a deployment, each after what it depends on.
func holders(dep *staging.Deployment) []holder {
	if dep == nil || dep.Stack == nil {
		return nil
	}
	var list []holder
	for _, d := range dep.Stack.Datastores {
		list = append(list, holder{item: server(dep, d), engine: d.Kind, version: d.Version, database: d.Database, clones: []string{d.Name}})
	}
	for _, s := range startOrder(dep.Stack) {
		if !s.Backing {
			continue
		}
		for _, it := range instances(dep, s) {
			h := holder{item: it, engine: "service", version: s.Image, backing: true, built: s.Given != "" || seesCheckout(s)}
			for _, m := range s.Mounts {
				if m.Kind == staging.MountVolume {
					h.clones = append(h.clones, m.Source)
				}
			}
			for _, d := range s.DependsOn {
				h.after = append(h.after, d.Name)
			}
			list = append(list, h)
		}
	}
	return list
}

// holderOf is that of a service or datastore.
func holderOf(dep *staging.Deployment, service string) (holder, bool) {
	list := holders(dep)
	if i := slices.IndexFunc(list, func(h holder) bool { return h.service == service }); i >= 0 {
		return list[i], true
	}
	return holder{}, false
}

// backing is the one instance of a backing service. Its name changes with what
// it runs and is told, and with nothing else.
func backing(dep *staging.Deployment, s staging.Service) item {
	// Who starts first and what is asked of it changes nothing of what runs.
	s.DependsOn, s.Health, s.File, s.Line = nil, staging.Health{}, "", 0
	revision := ""
	if seesCheckout(s) {
		revision = dep.Revision.Content() // it sees files of it
	}
	text, _ := json.Marshal([]any{s, dep.Progress.Images[s.Given].Run, dep.Stack.Sizes[dep.Options.Size][s.Name], dep.Options.Env, revision}) // cannot fail
	sum := sha256.Sum256(text)
	return item{name: Name(dep.Environment, staging.ResourceWorkload, DataInstance(dep, s.Name)+"."+hex.EncodeToString(sum[:4])),
		kind: staging.ResourceWorkload, service: s.Name}
}

func seesCheckout(s staging.Service) bool {
	return slices.ContainsFunc(s.Mounts, func(m staging.Mount) bool { return m.Kind == staging.MountCheckout })
}

// sameData is whether a row is of what runs, or ran, on the same data.
func sameData(name string, dep *staging.Deployment, service string) bool {
	return strings.HasPrefix(name, Name(dep.Environment, staging.ResourceWorkload, DataInstance(dep, service)+"."))
}
