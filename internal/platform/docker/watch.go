package docker

import (
	"context"
	"sync"
	"time"

	moby "github.com/moby/moby/api/types/events"

	"offshoot/internal/staging"
)

// watching are who wants to hear of workloads that crash, recover or end.
type watching struct {
	mu   sync.Mutex
	next int
	tell map[int]func(owner string)
}

// Watch implements platform.Watcher.
func (d *Driver) Watch(ctx context.Context, changed func(owner string)) error {
	d.watching.mu.Lock()
	if d.watching.tell == nil {
		d.watching.tell = map[int]func(string){}
	}
	d.watching.next++
	id := d.watching.next
	d.watching.tell[id] = changed
	d.watching.mu.Unlock()
	<-ctx.Done()
	d.watching.mu.Lock()
	defer d.watching.mu.Unlock()
	delete(d.watching.tell, id)
	return ctx.Err()
}

func (d *Driver) watchers(owner string) {
	d.watching.mu.Lock()
	defer d.watching.mu.Unlock()
	for _, tell := range d.watching.tell {
		tell(owner)
	}
}

// watchersOfAll tells that nobody knows of what is on the engine, or that it is
// known again: containers may have ended with it.
func (d *Driver) watchersOfAll() {
	owners, err := d.owners()
	if err != nil {
		d.log.Warn("whose the things on the Docker engine are", "error", err)
	}
	for _, owner := range owners {
		d.watchers(owner)
	}
}

// changed tells of a workload's end, of a start that nobody asked for, and of
// when that one will have lasted.
func (d *Driver) changed(m moby.Message) {
	labels := m.Actor.Attributes
	if labels[labelKind] == string(staging.ResourceTask) && m.Action == moby.ActionDie {
		d.taskEnds(labels[labelName], labels[labelOwner])
	}
	if labels[labelKind] != string(staging.ResourceWorkload) {
		return
	}
	switch m.Action {
	case moby.ActionDie, moby.ActionPause, moby.ActionUnPause:
		d.watchers(labels[labelOwner])
	case moby.ActionStart:
		if _, again := d.events.lastOf(m.Actor.ID); again {
			d.watchers(labels[labelOwner])
			time.AfterFunc(steady, func() { d.watchers(labels[labelOwner]) })
		}
	}
}
