//go:build linux

package process_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"offshoot/internal/componenttest"
	"offshoot/internal/platform"
	"offshoot/internal/platform/process"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

func TestMain(m *testing.M) {
	shim.Main()
	componenttest.Parallel(2)
	os.Exit(m.Run())
}

type host struct {
	*testing.T
	*process.Driver
	ctx context.Context
	dir string
}

func newHost(t *testing.T) *host {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	dir, err := os.MkdirTemp("", "host-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // environments' users pass through it
		t.Fatal(err)
	}
	h := &host{T: t, ctx: ctx, dir: dir}
	h.Driver = h.server()
	t.Cleanup(func() {
		all, err := h.List(ctx, "")
		if err != nil {
			t.Error(err)
		}
		for _, o := range all {
			if o.Kind == staging.ResourceScope {
				if err := h.Delete(ctx, platform.Ref{Kind: o.Kind, Name: o.Name, Owner: o.Owner}); err != nil {
					t.Error(err)
				}
			}
		}
		cancel()
	})
	h.apply(platform.Resource{Kind: staging.ResourceScope, Name: "env_a/scope/0"})
	return h
}

func (h *host) server() *process.Driver {
	d, err := process.New(process.Config{Dir: h.dir, Log: slog.New(slog.DiscardHandler), Shape: shape()})
	if err != nil {
		h.Fatal(err)
	}
	return d
}

func (h *host) apply(r platform.Resource) staging.Observation {
	h.Helper()
	r.Owner, _, _ = strings.Cut(r.Name, "/")
	o, err := h.Apply(h.ctx, r)
	if err != nil {
		h.Fatal(err)
	}
	return o
}

func task(name, command string) platform.Resource {
	return platform.Resource{Kind: staging.ResourceTask, Name: "env_a/task/" + name, SpecHash: command,
		Workload: &staging.WorkloadSpec{Service: name, Env: map[string]string{mark: "1"}, Command: staging.Command{Shell: command}, StopGrace: 100 * time.Millisecond}}
}

func workload(name, command string) platform.Resource {
	r := task(name, command)
	r.Kind, r.Name = staging.ResourceWorkload, "env_a/workload/"+name
	r.Workload.Restart = true
	return r
}

func ref(r platform.Resource) platform.Ref {
	return platform.Ref{Kind: r.Kind, Name: r.Name, Owner: "env_a"}
}

// until waits by events until the observation is as wanted.
func (h *host) until(r platform.Resource, wanted func(staging.Observation) bool) staging.Observation {
	h.Helper()
	o, err := h.Observe(h.ctx, ref(r))
	for err == nil && !wanted(o) {
		if h.ctx.Err() != nil {
			h.Fatalf("%s stays %+v", r.Name, o)
		}
		o, err = h.Wait(h.ctx, ref(r), o)
	}
	if err != nil {
		h.Fatal(err)
	}
	return o
}

func exited(o staging.Observation) bool { return o.Run == staging.RunExited }

func (h *host) logs(r platform.Resource) string {
	h.Helper()
	var b strings.Builder
	err := h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Names: []string{r.Name}, Tail: -1}, func(l platform.LogLine) error {
		if l.Stream != "offshoot" {
			fmt.Fprintln(&b, string(l.Text))
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return b.String()
}

// says blocks until r has written that line.
func (h *host) says(r platform.Resource, line string) {
	h.Helper()
	heard := errors.New("heard")
	err := h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Names: []string{r.Name}, Tail: -1, Follow: true}, func(l platform.LogLine) error {
		if string(l.Text) == line {
			return heard
		}
		return nil
	})
	if !errors.Is(err, heard) {
		h.Fatalf("waiting for %q: %v", line, err)
	}
}

func (h *host) run(r platform.Resource) (staging.Observation, string) {
	h.Helper()
	h.apply(r)
	return h.until(r, exited), h.logs(r)
}

// limitsMemory ends a test where this host lets no memory be limited.
func limitsMemory(t *testing.T, d platform.Driver) {
	t.Helper()
	lacks := strings.Join(d.Traits().Lacks, ";")
	switch {
	case !strings.Contains(lacks, "memory"):
	case os.Geteuid() != 0:
		t.Skip("who is not root has no limits: " + lacks)
	default:
		componenttest.Missing(t, "cgroup", lacks)
	}
}
