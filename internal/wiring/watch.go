package wiring

import (
	"context"
	"sync"
	"time"

	"offshoot/internal/source/watch"
)

// rewatch is how long a repository that cannot be watched is left alone.
const rewatch = 30 * time.Second

// watchAll watches the repositories of all projects that are given by path,
// also those that are added later.
func (s *server) watchAll(ctx context.Context) {
	woken, cancel := s.store.Subscribe()
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	watched := map[string]context.CancelFunc{}
	for {
		projects, err := s.store.Projects(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("watch", "error", err)
		}
		known := map[string]bool{}
		for _, p := range projects {
			known[p.Name] = true
			if _, ok := watched[p.Name]; ok || !p.Watch {
				continue
			}
			one, stop := context.WithCancel(ctx)
			watched[p.Name] = stop
			all.Go(func() { s.watchOne(one, p.Name, p.Repo) })
		}
		for name, stop := range watched {
			if !known[name] && err == nil {
				stop()
				delete(watched, name)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-woken:
		}
	}
}

func (s *server) watchOne(ctx context.Context, project, repo string) {
	changed := make(chan struct{}, 1)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	watcher.Go(func() {
		for ctx.Err() == nil {
			err := watch.Branches(ctx, repo, func() {
				select {
				case changed <- struct{}{}:
				default:
				}
			})
			if ctx.Err() != nil {
				return
			}
			s.log.Warn("watch", "project", project, "error", err)
			pause(ctx, rewatch)
		}
	})
	missing := map[string]time.Time{}
	for {
		again, err := s.control.Sync(ctx, project, missing)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("fetch", "project", project, "error", err)
			again = rewatch
		}
		var timer <-chan time.Time
		if again > 0 {
			timer = time.After(again)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-timer:
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
