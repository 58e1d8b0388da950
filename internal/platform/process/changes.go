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

// lifeCheck is how long one wait for the end of a process lasts.
const lifeCheck = time.Second

// changes tells that something in a folder, or the folder itself, changed.
type changes struct{ w *fsnotify.Watcher }

func changesOf(dir string) (changes, error) {
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

// next blocks until something changed, the process that is held ended, or ctx
// did.
func (c changes) next(ctx context.Context, w watched, held bool) {
	ctx, cancel := context.WithCancel(ctx)
	gone := make(chan struct{})
	if held {
		go func() {
			defer close(gone)
			for ctx.Err() == nil && !w.ended(ctx, lifeCheck) {
			}
		}()
		defer func() { <-gone }()
	}
	defer cancel()
	select {
	case <-c.w.Events:
	case <-c.w.Errors:
	case <-gone:
	case <-ctx.Done():
	}
}
