package docker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// world is one driver with an environment of its own.
type world struct {
	*testing.T
	*docker.Driver
	ctx    context.Context
	config docker.Config
	owner  string
	engine *client.Client
}

const patience = 2 * time.Minute

func newWorld(t *testing.T, c docker.Config) *world {
	host := engine(t)
	if c.Host == "" {
		c.Host = host
	}
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	direct, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, ctx: ctx, config: c, owner: staging.NewID(staging.EnvironmentPrefix), engine: direct}
	w.Driver = open(t, c)
	t.Cleanup(func() {
		last := open(t, docker.Config{Dir: c.Dir, Host: host})
		if err := last.Delete(context.Background(), refOf(w.scope())); err != nil {
			t.Error(err)
		}
	})
	return w
}

func refOf(r platform.Resource) platform.Ref {
	return platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
}

func (w *world) scope() platform.Resource {
	return platform.Resource{Kind: staging.ResourceScope, Name: w.owner + "/scope/0", Owner: w.owner, SpecHash: "scope", Scope: &platform.Scope{Project: "shop", Environment: w.owner}}
}

func (w *world) endpoint(name, instance string, port int) platform.Resource {
	return platform.Resource{Kind: staging.ResourceEndpoint, Name: w.owner + "/endpoint/" + name, Owner: w.owner, SpecHash: name,
		Endpoint: &platform.Endpoint{Service: name, Port: port, Instance: instance}}
}

func (w *world) workload(name string, spec staging.WorkloadSpec) platform.Resource {
	return w.resource(staging.ResourceWorkload, name, spec)
}

func (w *world) task(name string, spec staging.WorkloadSpec) platform.Resource {
	spec.Role = staging.RoleTask
	return w.resource(staging.ResourceTask, name, spec)
}

func (w *world) resource(kind staging.ResourceKind, name string, spec staging.WorkloadSpec) platform.Resource {
	if spec.Image == "" {
		spec.Image = "debian-base:12"
	}
	if spec.Service == "" {
		spec.Service = name
	}
	spec.StopGrace = 100 * time.Millisecond
	return platform.Resource{Kind: kind, Name: w.owner + "/" + string(kind) + "/" + name, Owner: w.owner, SpecHash: "1", Workload: &spec}
}

func program(p platformtest.Program) staging.WorkloadSpec {
	return staging.WorkloadSpec{Command: platformtest.Shell(p)}
}

func (w *world) apply(r platform.Resource) staging.Observation {
	w.Helper()
	o, err := w.Apply(w.ctx, r)
	if err != nil {
		w.Fatalf("apply %s: %v", r.Name, err)
	}
	return o
}

func (w *world) look(r platform.Resource) staging.Observation {
	w.Helper()
	o, err := w.Observe(w.ctx, refOf(r))
	if err != nil {
		w.Fatal(err)
	}
	return o
}

func (w *world) until(r platform.Resource, wanted func(staging.Observation) bool) staging.Observation {
	w.Helper()
	o := w.look(r)
	for !wanted(o) {
		if w.ctx.Err() != nil {
			w.Fatalf("%s is %+v", r.Name, o)
		}
		var err error
		if o, err = w.Wait(w.ctx, refOf(r), o); err != nil {
			w.Fatal(err)
		}
	}
	return o
}

func running(o staging.Observation) bool { return o.Run == staging.RunRunning }
func exited(o staging.Observation) bool  { return o.Run == staging.RunExited }
func unknown(o staging.Observation) bool { return o.Presence == staging.Unknown }

// says runs a task to its end and answers what it wrote.
func (w *world) says(name string, spec staging.WorkloadSpec) string {
	w.Helper()
	r := w.task(name, spec)
	w.apply(r)
	w.until(r, exited)
	return w.log(r)
}

func (w *world) log(r platform.Resource) string {
	w.Helper()
	var lines []string
	if err := w.Logs(w.ctx, platform.LogQuery{Owner: w.owner, Names: []string{r.Name}, Tail: -1}, func(l platform.LogLine) error {
		lines = append(lines, string(l.Text))
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
