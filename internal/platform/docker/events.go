package docker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	moby "github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

// events are one stream of the engine's for all who wait.
type events struct {
	mu        sync.Mutex
	listeners map[*listener]bool
	// ended is how containers ended last, by their ids; the engine forgets it
	// when it starts one again.
	ended map[string]ending
	// execs are who waits for the end of a command, by its id.
	execs map[string]chan struct{}
}

type listener struct {
	wants func(name, owner string) bool
	told  chan struct{}
}

type ending struct {
	code   int
	memory bool
	// hungry is whether it was told of want of memory since.
	hungry bool
}

func (e *events) init() {
	e.listeners, e.ended, e.execs = map[*listener]bool{}, map[string]ending{}, map[string]chan struct{}{}
}

// listen is told, once for any number of events, of what wants says.
func (e *events) listen(wants func(name, owner string) bool) (told <-chan struct{}, stop func()) {
	l := &listener{wants, make(chan struct{}, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners[l] = true
	return l.told, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.listeners, l)
	}
}

func (l *listener) tell() {
	select {
	case l.told <- struct{}{}:
	default: // it has not yet looked at the last one
	}
}

// tell says that something of that name changed.
func (e *events) tell(name string) {
	owner, _, _ := strings.Cut(name, "/")
	e.mu.Lock()
	defer e.mu.Unlock()
	for l := range e.listeners {
		if l.wants(name, owner) {
			l.tell()
		}
	}
}

// tellAll says that anything may have changed.
func (e *events) tellAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for l := range e.listeners {
		l.tell()
	}
	for _, over := range e.execs {
		select {
		case over <- struct{}{}:
		default:
		}
	}
}

func (e *events) lastOf(id string) (ending, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last, ok := e.ended[id]
	return last, ok && last != ending{hungry: true}
}

// awaitExec is told when a command ended, and when the stream was broken.
func (e *events) awaitExec(id string) (over <-chan struct{}, stop func()) {
	told := make(chan struct{}, 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.execs[id] = told
	return told, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.execs, id)
	}
}

// note remembers what the engine forgets.
func (e *events) note(m moby.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := e.ended[m.Actor.ID]
	switch m.Action {
	case moby.ActionOOM:
		last.hungry = true
	case moby.ActionDie:
		code, _ := strconv.Atoi(m.Actor.Attributes["exitCode"])
		last = ending{code: code, memory: last.hungry}
	case moby.ActionDestroy:
		delete(e.ended, m.Actor.ID)
		return
	case moby.ActionExecDie:
		if over := e.execs[m.Actor.Attributes["execID"]]; over != nil {
			select {
			case over <- struct{}{}:
			default:
			}
		}
		return
	default:
		return
	}
	e.ended[m.Actor.ID] = last
}

const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 5 * time.Second
	// pulse is how often the engine is asked whether it still answers: a stream
	// of one that hangs is only silent.
	pulse = 30 * time.Second
)

// follow keeps the stream open until ctx ends. Where it broke off it is resumed
// by time; whoever waits looks anew.
func (d *Driver) follow(ctx context.Context) {
	since, backoff, first := "", firstBackoff, true
	for ctx.Err() == nil {
		began := time.Now()
		last, err := d.stream(ctx, since, func() { d.joined(ctx, first); first = false })
		if last != "" {
			since = last
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > pulse {
			backoff = firstBackoff
		}
		if backoff == firstBackoff && !first { // a host may have no engine
			d.log.Warn("the Docker engine's events broke off", "engine", d.host, "error", err)
			d.watchersOfAll()
		}
		d.events.tellAll()
		select {
		case <-ctx.Done():
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// stream reads events from a moment on until they break off, and answers the time
// of the last. It always names one: an engine answers before it listens itself, and
// what happens in between would be told to nobody.
func (d *Driver) stream(ctx context.Context, since string, joined func()) (last string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if since == "" {
		if since, err = d.clock(ctx); err != nil {
			return "", err
		}
	}
	filters := client.Filters{}.Add("label", labelServer+"="+d.id).Add("type", string(moby.ContainerEventType))
	for _, action := range []moby.Action{moby.ActionCreate, moby.ActionStart, moby.ActionDie, moby.ActionOOM, moby.ActionPause, moby.ActionUnPause,
		moby.ActionDestroy, moby.ActionExecDie} {
		filters.Add("event", string(action))
	}
	tooLong := time.AfterFunc(lookTime, func() { cancel(fmt.Errorf("no answer in %s", lookTime)) })
	stream := d.client.Events(ctx, client.EventsListOptions{Since: since, Filters: filters})
	tooLong.Stop()
	select {
	case err := <-stream.Err:
		return since, errors.Join(err, context.Cause(ctx))
	default:
	}
	joined()
	last = since
	beat := time.NewTicker(pulse)
	defer beat.Stop()
	for {
		select {
		case m := <-stream.Messages:
			last = moment(time.Unix(0, m.TimeNano))
			d.events.note(m)
			if name := m.Actor.Attributes[labelName]; name != "" {
				d.events.tell(name)
			}
			d.changed(m)
		case err := <-stream.Err:
			return last, err
		case <-beat.C:
			if _, err := call(ctx, d.engine, lookTime, "answer", func(ctx context.Context) (client.PingResult, error) {
				return d.client.Ping(ctx, client.PingOptions{})
			}); err != nil {
				return last, err
			}
			d.events.tellAll() // a message may get lost, a wait must not
		}
	}
}

// clock is what time it is for the engine.
func (d *Driver) clock(ctx context.Context) (string, error) {
	info, err := call(ctx, d.engine, lookTime, "say what time it is", func(ctx context.Context) (client.SystemInfoResult, error) {
		return d.client.Info(ctx, client.InfoOptions{})
	})
	if err != nil {
		return "", err
	}
	return moment(instant(info.Info.SystemTime)), nil
}

// moment is a time as the engine's events have it.
func moment(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// joined is what is done whenever the engine answers again.
func (d *Driver) joined(ctx context.Context, first bool) {
	d.events.tellAll()
	d.life.Go(func() {
		if err := d.adopt(ctx, first); err != nil && ctx.Err() == nil {
			d.log.Warn("adopt what runs on the Docker engine", "engine", d.host, "error", err)
		}
	})
}

// adopt takes up what an earlier server had begun: what it had paused goes on,
// and what has a time limit is watched.
func (d *Driver) adopt(ctx context.Context, first bool) error {
	all, err := d.containers(ctx, "")
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range all.Items {
		switch {
		case first && c.State == container.StatePaused && !d.resting(c.Labels[labelOwner]):
			errs = append(errs, d.resume(ctx, c.ID))
		case c.State == container.StateRunning && durationOf(c.Labels, labelTimeout) > 0 && c.Labels[labelKind] == string(staging.ResourceTask):
			d.limit(ctx, c.Labels[labelName])
		}
	}
	if !first {
		d.watchersOfAll()
	}
	return errors.Join(errs...)
}
