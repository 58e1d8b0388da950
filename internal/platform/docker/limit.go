package docker

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
)

// limits are the timers of tasks that run, by name.
type limits struct {
	mu     sync.Mutex
	timers map[string]func() bool
	over   bool
}

func (l *limits) set(name string, d time.Duration, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	if stop := l.timers[name]; stop != nil {
		stop()
	}
	l.timers[name] = time.AfterFunc(d, f).Stop
}

func (l *limits) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if stop := l.timers[name]; stop != nil {
		stop()
		delete(l.timers, name)
	}
}

func (l *limits) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, stop := range l.timers {
		stop()
	}
}

// limit ends a task when its time is over. Where it cannot be looked at now it is
// once the engine answers again.
func (d *Driver) limit(ctx context.Context, name string) {
	c, _, err := d.inspect(ctx, name)
	if err != nil || c.State.Status != container.StateRunning || !d.begun(name, c) {
		return
	}
	after := durationOf(c.Config.Labels, labelTimeout)
	began := d.beganAt(name, c.State)
	d.limits.set(name, time.Until(began.Add(after)), func() { d.overdue(name, after) })
}

// lateFile says that a task was ended for its time limit. It is written before
// it is asked to end.
func (d *Driver) lateFile(name string) string {
	owner, rest, _ := strings.Cut(name, "/")
	return filepath.Join(d.home(owner), "late", strings.ReplaceAll(rest, "/", "-"))
}

// late is the limit that a task was ended for.
func (d *Driver) late(name string) (time.Duration, bool) {
	var limit time.Duration
	return limit, readFile(d.lateFile(name), &limit) == nil
}

// overdue asks a task to end, and kills it after its grace. A task that just
// ended by itself is not told from the others: its end was before its limit.
func (d *Driver) overdue(name string, after time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	giveBack, err := d.turns.take(ctx, name)
	if err != nil {
		return
	}
	defer giveBack()
	c, _, err := d.inspect(ctx, name)
	if err == nil && c.State.Running {
		err = errors.Join(writeFile(d.lateFile(name), after), d.end(ctx, c, ""))
	}
	if err != nil {
		d.log.Warn("end a task whose time is over", "name", name, "error", err)
		d.limits.set(name, maxBackoff, func() { d.overdue(name, after) })
	}
}
