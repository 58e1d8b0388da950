package reconcile_test

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	fakedata "offshoot/internal/datastore/fake"
	fakeplatform "offshoot/internal/platform/fake"
	"offshoot/internal/staging"
)

// started lets something happen when the first service starts.
func (w *world) started(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onStart = do
}

// stack is what every revision of these tests is made of; its release's command
// names the revision.
func (w *world) stack(sha string) *staging.Stack {
	return &staging.Stack{
		Services: append([]staging.Service{
			{Name: "web", Replicas: 1, Command: staging.Command{Args: []string{"web", sha}}, Ports: []staging.Port{{Target: 3000}}, DependsOn: []staging.Dependency{{Name: "db"}},
				Health: staging.Health{Timeout: 5 * time.Second}},
		}, w.more...),
		Datastores: []staging.Datastore{{Name: "db", Kind: "postgres", User: "app", Database: "shop", Port: 5432, Args: w.servers[sha]}},
		Volumes:    []staging.Volume{{Name: "uploads", Clone: true}},
		Release:    []staging.Task{{Name: "migrate", Service: "web", Command: staging.Command{Args: []string{"migrate", sha}}}},
		Seed:       &staging.Task{Name: "seed", Service: "web", Command: staging.Command{Args: []string{"seed", sha}}},
		Build:      []staging.BuildStep{{Name: "build", Command: staging.Command{Args: []string{"build", sha}}}},
		Primary:    "web",
	}
}

// behave plays the programs. A migration writes its revision into the data,
// also where it then fails.
func (w *world) behave(s staging.WorkloadSpec) fakeplatform.Behaviour {
	args := append(slices.Clone(s.Command.Args), "", "")
	what, sha := args[0], args[1]
	code, nap := 0, time.Millisecond
	w.mu.Lock()
	if w.endless[sha] == what {
		nap = time.Hour
	}
	if w.bad[sha] == what {
		code = 1
	}
	if w.onStart != nil && what == "web" {
		w.onStart()
		w.onStart = nil
	}
	w.mu.Unlock()
	switch what {
	case "migrate":
		w.migrated(sha)
		return fakeplatform.Behaviour{Nap: 2 * time.Millisecond, Code: code}
	case "seed", "build":
		return fakeplatform.Behaviour{Nap: nap, Code: code}
	}
	return fakeplatform.Behaviour{Stay: code == 0, Code: code}
}

// at is where an endpoint is: where a listener of ours accepts, or nobody, for
// what cannot start.
func (w *world) at(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(name, "/endpoint/data.") {
		return w.dataAddress
	}
	for id, sha := range w.revisions {
		if strings.Contains(name, "/endpoint/web."+id+".") && w.bad[sha] == "web" {
			return "127.0.0.1:1"
		}
	}
	return w.address
}

// spoil lets that program of a revision fail.
func (w *world) spoil(sha, program string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bad[sha] = program
}

// tunes lets a revision's data server be another one than those of others.
func (w *world) tunes(sha string) { w.servers[sha] = []string{"--jit=off"} }

// mend lets every program do well again.
func (w *world) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.bad)
}

// migrated changes the newest data that a server runs on.
func (w *world) migrated(sha string) {
	dirs, _ := filepath.Glob(filepath.Join(w.dir, "env", envID, "clone", "db.*"))
	slices.Sort(dirs)
	if len(dirs) > 0 {
		if err := fakedata.Put(dirs[len(dirs)-1], sha[3:]); err != nil {
			w.Errorf("migrate: %v", err)
		}
	}
}
