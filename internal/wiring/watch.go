package wiring

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"offshoot/internal/source/watch"
	"offshoot/internal/staging"
)

const (
	// rewatch is how long a repository that cannot be watched or fetched is
	// left alone; longer each time, up to maxRewatch.
	rewatch    = 30 * time.Second
	maxRewatch = 15 * time.Minute
	// listEvery is how often the branches of a repository elsewhere are listed,
	// relistEvery the same where a watch tells of changes: what it missed.
	listEvery   = time.Minute
	relistEvery = 10 * time.Minute
)

// followed is how one project's repository is followed.
type followed struct {
	repo string
	// joined are the repositories joined to it, a line each.
	joined string
	// watch is whether all are folders that tell of changes.
	watch bool
	// auto is the rule by which its branches get environments.
	auto string
}

// watchAll follows the repositories of all projects, also those that are added
// or changed later. One that is a folder is watched, unless nobody wants that;
// others are listed now and then.
func (s *server) watchAll(ctx context.Context) {
	woken, cancel := s.store.Subscribe()
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	following := map[string]followed{}
	stops := map[string]context.CancelFunc{}
	for {
		projects, err := s.store.Projects(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("watch", "error", err)
		}
		wanted := toFollow(projects)
		for name, f := range following {
			if err == nil && wanted[name] != f {
				stops[name]()
				delete(following, name)
			}
		}
		for name, f := range wanted {
			if _, ok := following[name]; ok {
				continue
			}
			one, stop := context.WithCancel(ctx)
			following[name], stops[name] = f, stop
			all.Go(func() { s.follow(one, name, f) })
		}
		select {
		case <-ctx.Done():
			for _, stop := range stops {
				stop()
			}
			return
		case <-woken:
		}
	}
}

// toFollow are the projects whose pushes are looked for.
func toFollow(projects []staging.Project) map[string]followed {
	wanted := map[string]followed{}
	for _, p := range projects {
		if p.Watch {
			f := followed{repo: p.Repo, watch: filepath.IsAbs(p.Repo), auto: p.AutoCreate}
			for _, j := range p.Policy.Joined {
				f.joined += j.Repo + "\t" + j.Branch + "\n"
				f.watch = f.watch && filepath.IsAbs(j.Repo)
			}
			wanted[p.Name] = f
		}
	}
	return wanted
}

// follow brings a project's environments up to date whenever its repository
// may have changed.
func (s *server) follow(ctx context.Context, project string, f followed) {
	changed := make(chan struct{}, 1)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	every := listEvery
	if f.watch {
		every = relistEvery
	}
	for line := range strings.Lines(f.repo + "\n" + f.joined) {
		if repo, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); filepath.IsAbs(repo) {
			watcher.Go(func() { s.watch(ctx, project, repo, changed) })
		}
	}
	missing := map[string]time.Time{}
	for failures := 0; ; {
		again, err := s.control.Sync(ctx, project, missing)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Warn("fetch", "project", project, "error", err)
			again = min(rewatch<<min(failures, 10), maxRewatch)
			failures++
		default:
			failures = 0
			if again == 0 || again > every {
				again = every
			}
		}
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// watch says that a folder of branches has changed.
func (s *server) watch(ctx context.Context, project, repo string, changed chan<- struct{}) {
	for ctx.Err() == nil {
		err := watch.Branches(ctx, &s.files, repo, func() {
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
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
