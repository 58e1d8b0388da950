package process

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"

	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// watchers are who wants to hear of workloads that crash and recover. The
// kernel tells, so an environment that runs costs no timer and no goroutine.
type watchers struct {
	shared *shared
}

type shared struct {
	mu   sync.Mutex
	w    *fsnotify.Watcher
	tell func(owner string)
}

func newWatchers() watchers { return watchers{&shared{}} }

// Watch implements platform.Watcher.
func (d *Driver) Watch(ctx context.Context, changed func(owner string)) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch what runs: %w", err)
	}
	defer func() { _ = w.Close() }()
	d.shared.mu.Lock()
	d.shared.w, d.shared.tell = w, changed
	d.shared.mu.Unlock()
	running, err := filepath.Glob(filepath.Join(d.dir, "*", string(staging.ResourceWorkload), "*", recordFile))
	if err != nil {
		return err
	}
	for _, file := range running {
		dir := filepath.Dir(file)
		d.follow(dir)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-w.Errors:
			d.log.Warn("watch what runs", "error", err)
		case event := <-w.Events:
			// A status is renamed into its place at each start and crash.
			if filepath.Base(event.Name) != shim.StatusFile || !event.Has(fsnotify.Create) {
				continue
			}
			var s shim.Status
			if readFile(event.Name, &s) == nil && s.Restarts > 0 {
				changed(filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(event.Name)))))
			}
		}
	}
}

// follow has an instance's folder watched, if anyone watches. The kernel
// forgets it with the folder.
func (d *Driver) follow(dir string) {
	d.shared.mu.Lock()
	defer d.shared.mu.Unlock()
	if d.shared.w != nil && filepath.Base(filepath.Dir(dir)) == string(staging.ResourceWorkload) {
		if err := d.shared.w.Add(dir); err != nil {
			d.log.Warn("watch what runs", "error", err)
		}
	}
}

// ended tells of a shim's end.
func (d *Driver) ended(owner string) {
	d.shared.mu.Lock()
	tell := d.shared.tell
	d.shared.mu.Unlock()
	if tell != nil {
		tell(owner)
	}
}
