//go:build linux

package process

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"offshoot/internal/filewatch"
)

// lifeCheck is how long one wait for the end of a process lasts.
const lifeCheck = time.Second

// changes tells that something in a folder, or the folder itself, changed.
type changes struct {
	l    *filewatch.Listener
	some <-chan struct{}
}

func (d *Driver) changesOf(dir string) (changes, error) {
	l, some, err := d.files.Signal()
	if err != nil {
		return changes{}, err
	}
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		if err := l.Add(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.Close()
			return changes{}, err
		}
	}
	return changes{l, some}, nil
}

func (c changes) close() { c.l.Close() }

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
	case <-c.some:
	case <-gone:
	case <-ctx.Done():
	}
}
