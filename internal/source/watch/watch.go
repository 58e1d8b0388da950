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

	"github.com/fsnotify/fsnotify"
)

// settle is how long after an event others of the same command may follow.
const settle = 50 * time.Millisecond

// Branches calls changed after branches may have changed, until ctx ends. The
// repository is at dir: a checkout or a bare one.
func Branches(ctx context.Context, dir string, changed func()) error {
	git, err := gitDir(dir)
	if err != nil {
		return err
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	if err := add(w, git); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-w.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return err
			}
			timer.Reset(settle)
		case e := <-w.Events:
			if filepath.Dir(e.Name) == git && filepath.Base(e.Name) != "packed-refs" {
				continue
			}
			if e.Has(fsnotify.Create) {
				_ = addTree(w, e.Name) // a new folder of branches; a file is no error that matters
			}
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

func add(w *fsnotify.Watcher, git string) error {
	if err := w.Add(git); err != nil {
		return err
	}
	return addTree(w, filepath.Join(git, "refs", "heads"))
}

func addTree(w *fsnotify.Watcher, root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return w.Add(path)
	})
}
