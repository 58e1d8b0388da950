//go:build linux

package process

import (
	"context"
	"path/filepath"
	"sync"

	"offshoot/internal/filewatch"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// watchers are who wants to hear of workloads that crash and recover. The
// kernel tells, so an environment that runs costs no timer and no goroutine.
type watchers struct {
	// files is for all that wait for files to change.
	files  filewatch.Watcher
	shared shared
}

type shared struct {
	mu   sync.Mutex
	l    *filewatch.Listener
	tell func(owner string)
}

// Watch implements platform.Watcher.
func (d *Driver) Watch(ctx context.Context, changed func(owner string)) error {
	l, err := d.files.Listen(func(c filewatch.Change) {
		if c.Lost {
			d.crashed(changed)
			return
		}
		// A status is renamed into its place at each start and crash.
		if c.Created && filepath.Base(c.Path) == shim.StatusFile {
			tellCrash(c.Path, changed)
		}
	})
	if err != nil {
		return err
	}
	defer l.Close()
	d.shared.mu.Lock()
	d.shared.l, d.shared.tell = l, changed
	d.shared.mu.Unlock()
	running, err := filepath.Glob(filepath.Join(d.dir, "*", string(staging.ResourceWorkload), "*", recordFile))
	if err != nil {
		return err
	}
	for _, file := range running {
		d.follow(filepath.Dir(file))
	}
	<-ctx.Done()
	return ctx.Err()
}

// crashed tells of everything that ever crashed: what has meanwhile is among it.
func (d *Driver) crashed(changed func(owner string)) {
	files, _ := filepath.Glob(filepath.Join(d.dir, "*", string(staging.ResourceWorkload), "*", shim.StatusFile)) // the pattern is ours
	for _, file := range files {
		tellCrash(file, changed)
	}
}

func tellCrash(status string, changed func(owner string)) {
	var s shim.Status
	if readFile(status, &s) == nil && s.Restarts > 0 {
		changed(filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(status)))))
	}
}

// listener is who wants to hear of an instance in that folder, nil for nobody.
func (d *Driver) listener(dir string) *filewatch.Listener {
	if filepath.Base(filepath.Dir(dir)) != string(staging.ResourceWorkload) {
		return nil
	}
	d.shared.mu.Lock()
	defer d.shared.mu.Unlock()
	return d.shared.l
}

// follow has an instance's folder watched, if anyone watches, until unfollow.
func (d *Driver) follow(dir string) {
	if l := d.listener(dir); l != nil {
		if err := l.Add(dir); err != nil {
			d.log.Warn("watch what runs", "error", err)
		}
	}
}

func (d *Driver) unfollow(dir string) {
	if l := d.listener(dir); l != nil {
		l.Drop(dir)
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
