package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// changes tells that something in a folder, or the folder itself, changed.
type changes struct{ w *fsnotify.Watcher }

func follow(dir string) (changes, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return changes{}, fmt.Errorf("watch %s: %w", dir, err)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := w.Add(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return changes{}, errors.Join(fmt.Errorf("watch %s: %w", d, err), w.Close())
		}
	}
	return changes{w}, nil
}

func (c changes) close() { _ = c.w.Close() }

// lifeCheck is how often a process is looked at that no event speaks for: one
// that was killed writes nothing.
const lifeCheck = time.Second

// next blocks until something changed, the process ended, or ctx did.
func (c changes) next(ctx context.Context, d *Driver, id identity) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gone := make(chan struct{})
	if w, ok := d.watch(id); ok {
		go func() {
			defer close(gone)
			defer w.close()
			for ctx.Err() == nil && !w.ended(ctx, lifeCheck) {
			}
		}()
		defer func() { cancel(); <-gone }()
	}
	select {
	case <-c.w.Events:
	case <-c.w.Errors:
	case <-gone:
	case <-ctx.Done():
	}
}
