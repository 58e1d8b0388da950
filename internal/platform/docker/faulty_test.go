package docker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// TestAFaultyEngine asks all that a driver can be asked of an engine that is at
// fault: each call ends in its time, and says which engine it is and what to do.
// Once the engine is well what was asked for comes about, once, and goes.
func TestAFaultyEngine(t *testing.T) {
	for name, fault := range map[string]mode{"hangs": hangs, "answers 500": fails, "answers nonsense": babbles, "answers what is not HTTP": raves, "cuts each answer off": cuts} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, engine(t))
			w := newWorld(t, docker.Config{Host: p.host()})
			w.apply(w.scope())
			web := w.workload("web", program(platformtest.Program{Say: []string{"up"}, Stay: true}))
			w.apply(web)
			w.until(web, running)
			other := newWorld(t, docker.Config{Host: p.host()})
			p.set(fault)
			for call, ask := range w.calls(web, other) {
				w.refused(call, p, ask)
			}
			for _, r := range []platform.Resource{w.scope(), web} {
				w.unseen(r, p)
			}
			p.set(passes)
			other.apply(other.scope())
			task := w.task("migrate", program(platformtest.Program{Say: []string{"once"}}))
			w.apply(task)
			w.until(task, exited)
			if log := w.log(task); log != "once" {
				t.Errorf("it said %q", log)
			}
			for _, each := range []*world{w, other} {
				if err := each.Delete(each.ctx, refOf(each.scope())); err != nil {
					t.Error(err)
				}
				if left, err := each.List(each.ctx, ""); err != nil || len(left) > 0 {
					t.Errorf("left: %+v, %v", left, err)
				}
			}
		})
	}
}

// calls are all that a driver is asked for, but for observing.
func (w *world) calls(web platform.Resource, other *world) map[string]func(context.Context) error {
	applies := func(d *docker.Driver, r platform.Resource) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := d.Apply(ctx, r)
			return err
		}
	}
	return map[string]func(context.Context) error{
		"apply a scope":    applies(other.Driver, other.scope()),
		"apply a workload": applies(w.Driver, w.workload("second", program(platformtest.Program{Stay: true}))),
		"apply a task":     applies(w.Driver, w.task("migrate", program(platformtest.Program{Say: []string{"once"}}))),
		"delete":           func(ctx context.Context) error { return w.Delete(ctx, refOf(web)) },
		"delete a scope":   func(ctx context.Context) error { return w.Delete(ctx, refOf(w.scope())) },
		"list":             func(ctx context.Context) error { _, err := w.List(ctx, w.owner); return err },
		"answers":          w.Answers,
		"pause":            func(ctx context.Context) error { return w.Pause(ctx, w.owner, []string{web.Name}) },
		"resume":           func(ctx context.Context) error { return w.Resume(ctx, w.owner, []string{web.Name}) },
		"image":            func(ctx context.Context) error { _, err := w.ImageID(ctx, "debian-base:12"); return err },
		"listening":        func(ctx context.Context) error { _, err := w.Listening(ctx, refOf(web)); return err },
		"logs": func(ctx context.Context) error {
			return w.Logs(ctx, platform.LogQuery{Owner: w.owner, Names: []string{web.Name}, Tail: -1}, func(platform.LogLine) error { return nil })
		},
		"exec": func(ctx context.Context) error {
			_, err := w.Exec(ctx, platform.Exec{In: web.Name, Owner: w.owner, Command: staging.Command{Shell: "true"}})
			return err
		},
	}
}

const faultPatience = 700 * time.Millisecond

func (w *world) refused(call string, p *proxy, ask func(context.Context) error) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, faultPatience)
	defer cancel()
	begin := time.Now()
	err := ask(ctx)
	var known *staging.Error
	if !errors.As(err, &known) || known.Hint == "" || !strings.Contains(err.Error(), p.socket) {
		w.Errorf("%s: %v", call, err)
	}
	if took := time.Since(begin); took > 10*faultPatience {
		w.Errorf("%s took %s", call, took)
	}
}

func (w *world) unseen(r platform.Resource, p *proxy) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, faultPatience)
	defer cancel()
	o, err := w.Observe(ctx, refOf(r))
	if err != nil || o.Presence != staging.Unknown || !strings.Contains(o.Reason, p.socket) {
		w.Errorf("%s is %+v, %v", r.Name, o, err)
	}
}
