package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// pausedLimit is how much is copied by reading while everything stands still;
// more is copied with the servers running where they can be copied so.
const pausedLimit = 64 << 20

// source is the data of one datastore or volume that is to be copied.
type source struct {
	name   string
	clone  datastore.Clone
	driver datastore.Driver
	at     datastore.Endpoint
	// running is whether a server of ours has it open.
	running bool
}

// freeze copies data of dep to dir, one folder each, as of one instant: all
// that runs in the environment stands still meanwhile. Servers write out what
// they can before, so that the pause is short. The caller holds the data.
func (a *actor) freeze(ctx context.Context, v *view, dep *staging.Deployment, names []string, dir string) (time.Time, error) {
	sources, live, err := a.sources(ctx, v, dep, names)
	if err != nil {
		return time.Time{}, err
	}
	partial := copytree.Partial(dir)
	if err := copytree.Remove(partial); err != nil {
		return time.Time{}, err
	}
	if err := os.MkdirAll(partial, 0o711); err != nil {
		return time.Time{}, err
	}
	reads, need, err := a.reads(ctx, sources, partial)
	if err == nil && reads {
		err = copytree.Room(partial, need, 0) // before a server is asked to help
	}
	var at time.Time
	if err == nil {
		at, err = a.copyAll(ctx, dep, sources, live, partial)
	}
	if err == nil {
		// By reading alone something is left to write out; a reflink is an
		// entry of the journal that the rename follows.
		err = copytree.Publish(partial, dir, reads)
	}
	if err != nil {
		return at, errors.Join(tooDeep(diskFull(err, filepath.Dir(dir))), copytree.Remove(partial))
	}
	return at, nil
}

// sources are what is to be copied, and the ledger names of all that runs. What
// rests stands still already.
func (a *actor) sources(ctx context.Context, v *view, dep *staging.Deployment, names []string) ([]source, []string, error) {
	rows, err := a.Store.Resources(ctx, a.id)
	if err != nil {
		return nil, nil, err
	}
	var live []string
	for _, row := range workloads(rows) {
		if o := a.look(ctx, row); o.Presence != staging.Absent && o.Run != staging.RunExited && o.Run != staging.RunPaused && o.Run != staging.RunDone {
			live = append(live, row.Name)
		}
	}
	var sources []source
	for _, name := range names {
		driver, c, err := a.cloneOf(ctx, v, dep, name)
		if err != nil {
			return nil, nil, err
		}
		s := source{name: name, clone: c, driver: driver}
		if c.Store.Kind != "volume" && plan.Serves(live, dep, c.Store) {
			at, err := a.dataAddress(ctx, dep, name)
			s.at, s.running = at, err == nil
		}
		sources = append(sources, s)
	}
	return sources, live, nil
}

// reads is whether anything is copied by reading, and how much.
func (a *actor) reads(ctx context.Context, sources []source, to string) (bool, int64, error) {
	reads, total := false, int64(0)
	for _, s := range sources {
		if copytree.Between(s.clone.Dir, to) != copytree.Plain {
			continue
		}
		n, err := copytree.Size(ctx, s.clone.Dir)
		if err != nil {
			return false, 0, err
		}
		reads, total = true, total+n
	}
	return reads, total, nil
}

// copyAll copies what must be read first and with its server running, then all
// the rest in one pause.
func (a *actor) copyAll(ctx context.Context, dep *staging.Deployment, sources []source, live []string, to string) (time.Time, error) {
	var paused []source
	for _, s := range sources {
		backup, large, err := a.copiesRunning(ctx, s, to)
		if err != nil {
			return time.Time{}, err
		}
		if !large {
			paused = append(paused, s)
			continue
		}
		tell, _ := a.progress(dep, plan.Op{Service: s.name, Step: staging.StepRelease})
		if err := backup.Backup(ctx, s.clone, s.at, filepath.Join(to, s.name), tell); err != nil {
			return time.Time{}, fmt.Errorf("copy %s: %w", s.name, err)
		}
	}
	if len(paused) == 0 {
		return a.Now(), nil
	}
	a.quiet(ctx, paused)
	return a.copyPaused(ctx, paused, live, to)
}

// copyPaused copies while all that is live stands still; it goes on as soon as
// nothing is read of the sources any more, whatever becomes of the copies.
func (a *actor) copyPaused(ctx context.Context, sources []source, live []string, to string) (time.Time, error) {
	pauser, ok := a.Platform.(platform.Pauser)
	if !ok && len(live) > 0 {
		return time.Time{}, errors.New("the platform cannot pause")
	}
	began := time.Now()
	if len(live) > 0 {
		if err := pauser.Pause(ctx, a.id, live); err != nil {
			return time.Time{}, errors.Join(err, a.resume(ctx, pauser, live))
		}
	}
	at := a.Now()
	var copied sync.WaitGroup
	group, copying := errgroup.WithContext(ctx)
	for _, s := range sources {
		copied.Add(1)
		done := sync.OnceFunc(copied.Done)
		group.Go(func() error {
			defer done()
			dir := filepath.Join(to, s.name)
			if _, err := copytree.Copy(copying, s.clone.Dir, dir, copytree.Options{Unsynced: true, Copied: done}); err != nil {
				return err
			}
			return forget(s.driver, dir)
		})
	}
	copied.Wait()
	var err error
	if len(live) > 0 {
		err = a.resume(ctx, pauser, live)
		a.Log.DebugContext(ctx, "held", "environment", a.id, "ms", time.Since(began).Milliseconds())
	}
	return at, errors.Join(group.Wait(), err)
}

// forget removes from a copy what speaks of the process that served its source.
func forget(driver datastore.Driver, dir string) error {
	t, ok := driver.(datastore.Transient)
	if !ok {
		return nil
	}
	for _, name := range t.Transient() {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// copiesRunning is whether a source is better copied while its server runs.
func (a *actor) copiesRunning(ctx context.Context, s source, to string) (datastore.Backuper, bool, error) {
	backup, ok := s.driver.(datastore.Backuper)
	if !ok || !s.running || copytree.Between(s.clone.Dir, to) != copytree.Plain {
		return nil, false, nil
	}
	n, err := copytree.Size(ctx, s.clone.Dir)
	return backup, n > pausedLimit, err
}

// quiet lets servers, and then the file system, write out what they hold: only
// makes the pause shorter, so that failing is no matter.
func (a *actor) quiet(ctx context.Context, sources []source) {
	var group errgroup.Group
	for _, s := range sources {
		if s.running {
			group.Go(func() error { return s.driver.Quiet(ctx, s.clone, s.at) })
		}
	}
	_ = group.Wait()
	for _, s := range sources {
		if s.running {
			_ = copytree.Flush(s.clone.Dir)
			return // they are on one file system
		}
	}
}

// resumeLimit bounds letting go what was paused.
const resumeLimit = 30 * time.Second

// resume tries until it is done: what stays paused serves nobody.
func (a *actor) resume(ctx context.Context, pauser platform.Pauser, names []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resumeLimit)
	defer cancel()
	err := datastore.Poll(ctx, func(ctx context.Context) error { return pauser.Resume(ctx, a.id, names) })
	if err != nil {
		a.Log.ErrorContext(ctx, "resume", "environment", a.id, "error", err)
	}
	return err
}

// Thaw lets go what an earlier server had paused when it was killed.
func (e *Engine) Thaw(ctx context.Context, environment string) error {
	env, err := e.Store.Environment(ctx, environment)
	if err != nil {
		return err
	}
	on, err := e.ground(env)
	if err != nil {
		return err
	}
	pauser, ok := on.Platform.(platform.Pauser)
	if !ok {
		return nil
	}
	a := newActor(e, environment, e.remembered(environment), on)
	rows, err := e.Store.Resources(ctx, environment)
	if err != nil {
		return err
	}
	var names []string
	for _, row := range workloads(rows) {
		names = append(names, row.Name)
	}
	if len(names) == 0 {
		return nil
	}
	return a.resume(ctx, pauser, names)
}
