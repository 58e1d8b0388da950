//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// ahead are the shims that have made their view and wait to be told to start.
// They end when their pipe does: with this server at the latest.
type ahead struct {
	mu    sync.Mutex
	shims map[string]*waiting
}

// waiting is a shim that waits.
type waiting struct {
	specHash string
	// status is the file that says that it waits.
	status string
	pipe   *os.File
	ended  <-chan struct{}
}

// runWaiting is what the status of a shim that waits says. It is written before
// the shim is told anything, and removed before it is told to go.
const runWaiting = "waiting"

// Prepare implements platform.Preparer.
func (d *Driver) Prepare(ctx context.Context, r platform.Resource) error {
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
	if err := d.check(ref); err != nil {
		return err
	}
	if r.Kind != staging.ResourceWorkload && r.Kind != staging.ResourceTask {
		return staging.Errorf(staging.CodeInternal, "", "the process platform prepares no %s", r.Kind)
	}
	giveBack, err := d.turns.take(ctx, r.Name)
	if err != nil {
		return err
	}
	defer giveBack()
	if d.ahead.has(r.Name) {
		return nil
	}
	return d.beginInstance(ctx, r, true)
}

func (a *ahead) has(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.shims[name] != nil
}

func (a *ahead) keep(name string, w *waiting) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shims[name] = w
}

func (a *ahead) take(name string) *waiting {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.shims[name]
	delete(a.shims, name)
	return w
}

// proceed tells a shim that waits to start, if it is for that specification.
// Any other ends, and leaves nothing.
func (d *Driver) proceed(ctx context.Context, r platform.Resource) (bool, error) {
	w := d.ahead.take(r.Name)
	if w == nil {
		return false, nil
	}
	if w.specHash == r.SpecHash {
		if err := os.Remove(w.status); err != nil {
			return false, errors.Join(err, w.dismiss(ctx))
		}
		if _, err := w.pipe.Write(shim.Go); err == nil {
			return true, w.pipe.Close()
		}
	}
	if err := w.dismiss(ctx); err != nil {
		return false, err
	}
	return false, d.deleteInstance(ctx, platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner})
}

// endForgotten ends a shim that waits for a server which is gone, though its
// pipe has not told it yet.
func (d *Driver) endForgotten(ctx context.Context, dir string) error {
	var id identity
	if err := readFile(filepath.Join(dir, identityFile), &id); err != nil {
		return nil //nolint:nilerr // none was ever started
	}
	w, ok := d.watch(id)
	if !ok {
		return nil
	}
	defer w.close()
	if err := w.signal(unix.SIGKILL); err != nil {
		return err
	}
	if !w.ended(ctx, killWait) {
		return fmt.Errorf("process %d does not end", id.PID)
	}
	return nil
}

// dismiss ends a shim that waits.
func (w *waiting) dismiss(ctx context.Context) error {
	if err := w.pipe.Close(); err != nil {
		return err
	}
	select {
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
