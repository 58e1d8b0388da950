package docker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// TestAnEngineThatIsGoneMakesEverythingUnknown holds that nothing is absent and
// nothing is listed short while the engine does not answer, that who waits is
// told, and that all is as it was once it answers again.
func TestAnEngineThatIsGoneMakesEverythingUnknown(t *testing.T) {
	for name, broken := range map[string]struct{ begin, end func(p *proxy) }{
		"gone":        {(*proxy).down, (*proxy).up},
		"answers 500": {func(p *proxy) { p.set(fails) }, func(p *proxy) { p.set(passes) }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, engine(t))
			w := newWorld(t, docker.Config{Host: p.host()})
			w.apply(w.scope())
			r := w.workload("web", program(platformtest.Program{Stay: true}))
			w.apply(r)
			first := w.until(r, running)
			broken.begin(p)
			o := w.until(r, unknown)
			if !strings.Contains(o.Reason, p.socket) {
				t.Errorf("nothing says which engine: %q", o.Reason)
			}
			if list, err := w.List(w.ctx, w.owner); err == nil {
				t.Errorf("a listing of %d that nobody answered", len(list))
			}
			if o := w.look(w.scope()); o.Presence != staging.Unknown {
				t.Errorf("the scope is %+v", o)
			}
			if err := w.Delete(w.ctx, refOf(r)); err == nil {
				t.Error("deleted by nobody")
			}
			if _, err := w.Apply(w.ctx, w.task("migrate", program(platformtest.Program{}))); staging.CodeOf(err) == "" {
				t.Error("applied by nobody")
			}
			broken.end(p)
			if o := w.until(r, running); o.Ref != first.Ref || !o.StartedAt.Equal(first.StartedAt) {
				t.Errorf("was %+v, is %+v", first, o)
			}
		})
	}
}

// TestAnEngineThatHangsIsNotWaitedForForever holds that a call ends with its
// context, and what is asked then is unknown.
func TestAnEngineThatHangsIsNotWaitedForForever(t *testing.T) {
	p := newProxy(t, engine(t))
	w := newWorld(t, docker.Config{Host: p.host()})
	w.apply(w.scope())
	p.set(hangs)
	ctx, cancel := context.WithTimeout(w.ctx, 200*time.Millisecond)
	defer cancel()
	o, err := w.Observe(ctx, refOf(w.scope()))
	if err != nil || o.Presence != staging.Unknown || o.Reason == "" {
		t.Errorf("%+v, %v", o, err)
	}
	p.set(passes)
	if o := w.look(w.scope()); o.Presence != staging.Present {
		t.Errorf("it answers again, and %+v", o)
	}
}

// TestWhatHappensWhileEventsAreBrokenOffIsSeen holds that the end of a task is
// told after a time in which nobody was told anything.
func TestWhatHappensWhileEventsAreBrokenOffIsSeen(t *testing.T) {
	p := newProxy(t, engine(t))
	w := newWorld(t, docker.Config{Host: p.host()})
	w.apply(w.scope())
	r := w.task("nap", program(platformtest.Program{Nap: 300 * time.Millisecond, Code: 4}))
	w.apply(r)
	direct := open(t, docker.Config{Dir: w.config.Dir, Host: engine(t)})
	p.down()
	o, err := direct.Observe(w.ctx, refOf(r))
	for err == nil && !exited(o) {
		o, err = direct.Wait(w.ctx, refOf(r), o)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.up()
	if o := w.until(r, exited); *o.ExitCode != 4 {
		t.Errorf("%+v", o)
	}
}

// TestWhatHappensBeforeTheEngineListensIsTold holds that an engine which answers
// that it tells of events, and hears of it itself a little later, tells what
// happened in between.
func TestWhatHappensBeforeTheEngineListensIsTold(t *testing.T) {
	p := newProxy(t, engine(t))
	p.set(deaf)
	w := newWorld(t, docker.Config{Host: p.host()})
	<-p.asked
	w.apply(w.scope())
	r := w.task("nap", program(platformtest.Program{Nap: time.Second, Code: 4}))
	began := w.apply(r)
	soon, cancel := context.WithTimeout(w.ctx, 15*time.Second)
	defer cancel()
	told := make(chan staging.Observation, 1)
	go func() {
		o, _ := w.Wait(soon, refOf(r), began) // what it is then is all that counts
		if soon.Err() == nil {
			told <- o
		}
		close(told)
	}()
	direct := open(t, docker.Config{Dir: w.config.Dir, Host: engine(t)})
	for o := began; !exited(o); {
		var err error
		if o, err = direct.Wait(w.ctx, refOf(r), o); err != nil {
			t.Fatal(err)
		}
	}
	close(p.hears)
	if o, ok := <-told; !ok || !exited(o) {
		t.Errorf("nobody was told: %+v", o)
	}
}

// TestADriverBeginsWithoutAnEngine holds that a server starts where no engine
// answers, and finds its things when one does.
func TestADriverBeginsWithoutAnEngine(t *testing.T) {
	p := newProxy(t, engine(t))
	w := newWorld(t, docker.Config{Host: p.host()})
	w.apply(w.scope())
	p.down()
	w.Driver = open(t, w.config)
	if o := w.look(w.scope()); o.Presence != staging.Unknown {
		t.Errorf("%+v", o)
	}
	p.up()
	w.until(w.scope(), func(o staging.Observation) bool { return o.Presence == staging.Present })
}

// TestATimeLimitOutlivesTheServer holds that a task which ran into its limit
// while no server was there is ended by the next, and that one which ended in
// time is not called late.
func TestATimeLimitOutlivesTheServer(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	long := program(platformtest.Program{Stay: true})
	long.Timeout = 2 * time.Second
	r := w.task("long", long)
	w.apply(r)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Driver = open(t, w.config)
	if o := w.until(r, exited); o.Ending != staging.EndingTime || *o.ExitCode != 124 || o.Reason == "" {
		t.Errorf("%+v", o)
	}
	short := program(platformtest.Program{Code: 3})
	short.Timeout = time.Minute
	r = w.task("short", short)
	w.apply(r)
	if o := w.until(r, exited); o.Ending != staging.EndingOwn || *o.ExitCode != 3 {
		t.Errorf("%+v", o)
	}
}

// TestWhatAnEarlierServerPausedGoesOn holds that nothing stands still for ever.
func TestWhatAnEarlierServerPausedGoesOn(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	r := w.workload("web", program(platformtest.Program{Stay: true}))
	w.apply(r)
	if err := w.Pause(w.ctx, w.owner, []string{r.Name}); err != nil {
		t.Fatal(err)
	}
	if o := w.look(r); o.Run != staging.RunPaused {
		t.Errorf("paused, and %+v", o)
	}
	w.Driver = open(t, w.config)
	w.until(r, running)
}

// TestACrashIsTold holds that who watches hears whose workload ended.
func TestACrashIsTold(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	heard := make(chan string, 100)
	ctx, cancel := context.WithCancel(w.ctx)
	over := make(chan error, 1)
	go func() { over <- w.Watch(ctx, func(owner string) { heard <- owner }) }()
	spec := program(platformtest.Program{Code: 1})
	spec.Restart = true
	w.apply(w.workload("web", spec))
	select {
	case owner := <-heard:
		if owner != w.owner {
			t.Errorf("heard of %s", owner)
		}
	case <-w.ctx.Done():
		t.Error("heard nothing")
	}
	cancel()
	if err := <-over; err == nil {
		t.Error("it ended well, and nobody asked it to")
	}
}
