package docker

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// follower reads on where the log of each name was left.
type follower struct {
	d       *Driver
	cursors map[string]*cursor
	lines   chan platform.LogLine
	going   map[string]bool
	all     sync.WaitGroup
}

// begin follows every container and build that is not followed yet.
func (f *follower) begin(ctx context.Context, q platform.LogQuery, wanted func(string) bool) error {
	all, err := f.d.containers(ctx, q.Owner)
	names, errNames := f.d.keptNames(q.Owner)
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, q.Owner+"/"+string(staging.ResourceBuild)+"/") })
	for _, c := range all.Items {
		names = append(names, c.Labels[labelName])
	}
	for _, name := range names {
		if f.going[name] || !wanted(name) {
			continue
		}
		f.going[name] = true
		at := f.cursors[name]
		if at == nil {
			at = newCursor(q.Since)
		}
		f.all.Go(func() { f.follow(ctx, name, at) })
	}
	return errors.Join(err, errNames)
}

// follow reads one name's log until ctx ends: the engine's as long as its
// container runs, and what was kept of one that is gone.
func (f *follower) follow(ctx context.Context, name string, at *cursor) {
	told, stop := f.d.events.listen(func(n, _ string) bool { return n == name })
	defer stop()
	backoff := firstBackoff
	for ctx.Err() == nil {
		c, _, err := f.d.inspect(ctx, name)
		running := err == nil && c.State.Running && !c.State.Restarting
		if err == nil {
			err = f.read(ctx, name, container.Summary{ID: c.ID, Labels: c.Config.Labels}, at, running)
		}
		if errors.Is(err, errMissing) {
			fresh := at.pass()
			err = kept(f.d.keptFile(name), name, func(l platform.LogLine) error {
				if !fresh(l) {
					return nil
				}
				return f.give(ctx, l)
			})
		}
		if running && err == nil {
			backoff = firstBackoff
			continue // it has ended or was started again: what came last is still to be read
		}
		var again <-chan time.Time
		if err != nil {
			again, backoff = time.After(backoff), min(2*backoff, maxBackoff)
		}
		select {
		case <-told:
		case <-again:
		case <-ctx.Done():
		}
	}
}

func (f *follower) read(ctx context.Context, name string, c container.Summary, at *cursor, running bool) error {
	log, err := f.d.openLog(ctx, name, c, at.since(), -1, running)
	if err != nil {
		return err
	}
	defer log.close()
	fresh := at.pass()
	for {
		l, err := log.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !fresh(l):
			continue
		}
		if err := f.give(ctx, l); err != nil {
			return err
		}
	}
}

func (f *follower) give(ctx context.Context, l platform.LogLine) error {
	select {
	case f.lines <- l:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
