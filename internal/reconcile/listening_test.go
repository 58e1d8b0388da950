package reconcile_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"offshoot/internal/platform"
	fakeplatform "offshoot/internal/platform/fake"
	"offshoot/internal/staging"
)

// hostPorts is a platform whose workloads share the host's ports, and that says
// where each listens: nowhere, while nobody says otherwise.
type hostPorts struct {
	mortalPlatform
	listens *atomic.Pointer[[]string]
}

func (h hostPorts) Traits() platform.Traits {
	t := h.mortalPlatform.Traits()
	t.OwnPorts = false
	return t
}

func (h hostPorts) Listening(context.Context, platform.Ref) ([]string, error) {
	return *h.listens.Load(), nil
}

// onHostPorts puts the world's services on a port of the host, which is free at
// first; stranger lets another process listen there.
func onHostPorts(w *world) (address string, listens *atomic.Pointer[[]string], stranger func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	address = l.Addr().String()
	_ = l.Close()
	listens = &atomic.Pointer[[]string]{}
	listens.Store(&[]string{})
	w.address = address
	s := w.server.Load()
	g := s.Grounds["fake"]
	g.Platform = hostPorts{g.Platform.(mortalPlatform), listens}
	s.Grounds["fake"] = g
	return address, listens, func() {
		l, err := net.Listen("tcp", address)
		if err != nil {
			w.Error(err)
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for c, err := l.Accept(); err == nil; c, err = l.Accept() {
				_ = c.Close()
			}
		}()
		w.Cleanup(func() { _ = l.Close(); <-done })
	}
}

// TestAPortThatAnotherProcessAnswersIsNoHealth holds that no route leads to a
// process that is not the service's, whatever it answers.
func TestAPortThatAnotherProcessAnswersIsNoHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, stranger := onHostPorts(w)
	w.started(stranger)
	w.deploy("revA")
	w.phase(staging.PhaseFailed)
	f := w.deployment(w.env().Current).Failure
	if f == nil || f.Class != staging.ClassPlatform || f.Service != "web" || !strings.Contains(f.Message, "not the service's") {
		t.Errorf("%+v", f)
	}
	w.gone()
}

// TestAPortThatComesToBeTheServicesOwn is the same where the service has it in
// the end.
func TestAPortThatComesToBeTheServicesOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address, listens, own := onHostPorts(w)
	w.started(func() {
		own()
		time.AfterFunc(20*time.Millisecond, func() { listens.Store(&[]string{address}) })
	})
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	w.gone()
}

// TestAPortThatIsTakenIsSaid holds that a service is not started where another
// process of the host has its port.
func TestAPortThatIsTakenIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, stranger := onHostPorts(w)
	stranger()
	w.deploy("revA")
	w.phase(staging.PhaseFailed)
	f := w.deployment(w.env().Current).Failure
	if f == nil || f.Class != staging.ClassPlatform || f.Step != staging.StepStart || !strings.Contains(f.Message, "is taken by a process that is not Offshoot's") {
		t.Errorf("%+v", f)
	}
	for name := range w.platform.Starts() {
		if strings.Contains(name, "/workload/web.") {
			t.Errorf("%s was started", name)
		}
	}
	w.gone()
}

// TestAnAddressOfItsOwnIsNobodyElses holds that where each workload has an address
// of its own, which this host may not have, nobody looks there for strangers.
func TestAnAddressOfItsOwnIsNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dataAddress = "192.0.2.1:5432" // of nobody (RFC 5737)
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	for _, c := range w.platform.Calls() {
		if c.Method == fakeplatform.Delete && c.Kind == string(staging.ResourceEndpoint) {
			t.Errorf("%s was given up", c.Name)
		}
	}
	w.gone()
}

// exposing is a platform whose workloads' image exposes a port at which they
// listen only when that was asked for several times.
type exposing struct {
	mortalPlatform
	asked *atomic.Int32
}

func (e exposing) Observe(ctx context.Context, ref platform.Ref) (staging.Observation, error) {
	o, err := e.mortalPlatform.Observe(ctx, ref)
	o.Exposes = []int{9000}
	return o, err
}

func (e exposing) Listening(context.Context, platform.Ref) ([]string, error) {
	if e.asked.Add(1) < 4 {
		return []string{"127.0.0.11:4711"}, nil
	}
	return []string{"[::]:9000"}, nil
}

// TestWhatAnImageExposesIsWaitedFor holds of a service that the stack gives no
// port and no command, php-fpm behind a proxy.
func TestWhatAnImageExposesIsWaitedFor(t *testing.T) {
	t.Parallel()
	program := staging.Command{Args: []string{"stays", "up"}}
	for name, c := range map[string]struct {
		service staging.Service
		waits   bool
	}{
		"its image's command": {staging.Service{Name: "fpm", Replicas: 1, Command: program}, true},
		"another command":     {staging.Service{Name: "queue", Replicas: 1, Command: program, ImageCommand: []string{"work"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.more = []staging.Service{c.service}
			s, asked := w.server.Load(), &atomic.Int32{}
			g := s.Grounds["fake"]
			g.Platform = exposing{g.Platform.(mortalPlatform), asked}
			s.Grounds["fake"] = g
			w.deploy("revA")
			w.phase(staging.PhaseReady)
			if waited := asked.Load() == 4; waited != c.waits {
				t.Errorf("asked %d times", asked.Load())
			}
			w.gone()
		})
	}
}
