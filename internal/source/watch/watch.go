// Package watch says when the branches of a repository on this host change,
// by the kernel's own events. It polls nothing.
package watch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"offshoot/internal/filewatch"
)

// settle is how long after an event others of the same command may follow.
const settle = 50 * time.Millisecond

// Branches calls changed after branches may have changed, until ctx ends. The
// repository is at dir: a checkout or a bare one.
func Branches(ctx context.Context, w *filewatch.Watcher, dir string, changed func()) error {
	git, err := gitDir(dir)
	if err != nil {
		return err
	}
	moved := make(chan struct{}, 1)
	l, err := w.Listen(func(c filewatch.Change) {
		if filepath.Dir(c.Path) == git && filepath.Base(c.Path) != "packed-refs" {
			return
		}
		select {
		case moved <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer l.Close()
	heads := filepath.Join(git, "refs", "heads")
	if err := errors.Join(l.Add(git), addTree(l, heads)); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
			_ = addTree(l, heads) // new folders of branches; one that just goes is no error that matters
			timer.Reset(settle)
		case <-timer.C:
			changed()
		}
	}
}

func gitDir(dir string) (string, error) {
	for _, d := range []string{filepath.Join(dir, ".git"), dir} {
		if info, err := os.Stat(filepath.Join(d, "refs")); err == nil && info.IsDir() {
			return d, nil
		}
	}
	return "", errors.New("no Git repository to watch at " + dir)
}

func addTree(l *filewatch.Listener, root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return l.Add(path)
	})
}
