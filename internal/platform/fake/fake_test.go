package fake_test

import (
	"encoding/json"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"offshoot/internal/fault"
	"offshoot/internal/platform"
	"offshoot/internal/platform/fake"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// command writes a program down so that behave can read it.
func command(p platformtest.Program) staging.Command {
	text, _ := json.Marshal(p) // plain values only: cannot fail
	return staging.Command{Args: []string{string(text)}}
}

func behave(s staging.WorkloadSpec) fake.Behaviour {
	var p platformtest.Program
	if len(s.Command.Args) == 0 || json.Unmarshal([]byte(s.Command.Args[0]), &p) != nil {
		return fake.Behaviour{}
	}
	return fake.Behaviour{Say: p.Say, Print: p.Print, Write: p.Write, Read: p.Read, Tick: p.Tick, Cat: p.Cat, Stay: p.Stay, Stubborn: p.Stubborn, Nap: p.Nap, Greedy: p.Greedy, Code: p.Code}
}

func TestConformance(t *testing.T) {
	for _, grain := range []platform.Grain{platform.GrainWorkload, platform.GrainBundle} {
		t.Run(string(grain), func(t *testing.T) {
			platformtest.Run(t, func(t *testing.T) platformtest.World {
				w := fake.NewWorld(fake.Options{Grain: grain, Behave: behave})
				t.Cleanup(w.Close)
				return platformtest.World{Open: func(*testing.T) platform.Driver { return w.Open() }, Command: command,
					Build: func(_ *testing.T, key string, p platformtest.Program) *staging.BuildSpec {
						return &staging.BuildSpec{Project: "shop", Key: key, Steps: []staging.BuildStep{{Name: "build", Command: command(p)}}}
					}}
			})
		})
	}
}

// TestFaults holds that what is told to fail does, and only that.
func TestFaults(t *testing.T) {
	scope := platform.Resource{Kind: staging.ResourceScope, Name: "env_a/scope/0", Owner: "env_a", Scope: &platform.Scope{}}
	ref := platform.Ref{Kind: scope.Kind, Name: scope.Name, Owner: scope.Owner}
	for _, c := range []struct {
		effect fault.Effect
		made   int
	}{{fault.Fail, 0}, {fault.Blind, 0}, {fault.Lose, 1}} {
		w := fake.NewWorld(fake.Options{})
		d := w.Open()
		heal := w.Break(fault.Fault{Method: fake.Apply, Nth: 1, Effect: c.effect})
		if _, err := d.Apply(t.Context(), scope); err == nil || len(w.Inventory()) != c.made {
			t.Errorf("%s: %v, made %v", c.effect, err, w.Inventory())
		}
		if _, err := d.Apply(t.Context(), scope); err != nil {
			t.Errorf("%s: only the first call is to fail: %v", c.effect, err)
		}
		heal()
		heal = w.Break(fault.Fault{Method: fake.Observe, Effect: fault.Blind})
		if o, err := d.Observe(t.Context(), ref); err != nil || o.Presence != staging.Unknown {
			t.Errorf("blind, and sees %+v, %v", o, err)
		}
		heal()
		if o, err := d.Observe(t.Context(), ref); err != nil || o.Presence != staging.Present {
			t.Errorf("healed, and sees %+v, %v", o, err)
		}
	}
}

func TestHangingEndsWithTheCallOrTheFault(t *testing.T) {
	w := fake.NewWorld(fake.Options{})
	heal := w.Break(fault.Fault{Method: fake.List, Effect: fault.Hang})
	done := make(chan error)
	go func() { _, err := w.Open().List(t.Context(), ""); done <- err }()
	for len(w.Calls()) == 0 {
		runtime.Gosched()
	}
	heal()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
