// Package filewatch tells that something in a folder has changed, by the
// kernel's own events. It polls nothing, and decides nothing.
package filewatch

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// Change is one thing that happened.
type Change struct {
	// Path is of what changed: something in a folder, or the folder itself.
	Path string
	// Created is whether it was not there before, also by a rename to it.
	Created bool
	// Lost is that events were lost, without a Path: anything may have changed.
	Lost bool
}

// Watcher watches for any number of listeners with one queue of the kernel's, of
// which a user may have few (inotify(7): max_user_instances is 128). The queue
// is there while somebody listens. The zero value is ready; it is safe for
// concurrent use.
type Watcher struct {
	mu      sync.Mutex
	queue   *fsnotify.Watcher
	folders map[string]map[*Listener]bool
	all     map[*Listener]bool
}

// Listener is told of changes in the folders that it added.
type Listener struct {
	w    *Watcher
	told func(Change)
}

// Listen begins to listen, to no folder yet. Of changes told is told one after
// the other; it may Add and Drop folders and Close, and holds up all others
// while it takes. It may still be told of one change after Close.
func (w *Watcher) Listen(told func(Change)) (*Listener, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue == nil {
		queue, err := fsnotify.NewWatcher()
		if err != nil {
			return nil, fmt.Errorf("watch files: %w", err)
		}
		w.queue, w.folders, w.all = queue, map[string]map[*Listener]bool{}, map[*Listener]bool{}
		w.read(queue)
	}
	l := &Listener{w, told}
	w.all[l] = true
	return l, nil
}

// Signal is a listener for who looks at everything anyway: of any number of
// changes it keeps one.
func (w *Watcher) Signal() (*Listener, <-chan struct{}, error) {
	some := make(chan struct{}, 1)
	l, err := w.Listen(func(Change) {
		select {
		case some <- struct{}{}:
		default:
		}
	})
	return l, some, err
}

// Add listens to a folder as it is now: one that is made anew under its name is
// added anew. What is not there is fs.ErrNotExist.
func (l *Listener) Add(folder string) error {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if !l.w.all[l] {
		return nil
	}
	if err := l.w.queue.Add(folder); err != nil {
		return fmt.Errorf("watch %s: %w", folder, err)
	}
	if l.w.folders[folder] == nil {
		l.w.folders[folder] = map[*Listener]bool{}
	}
	l.w.folders[folder][l] = true
	return nil
}

// Drop ends listening to a folder; whoever takes one away says so before.
func (l *Listener) Drop(folder string) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.drop(folder)
}

func (l *Listener) drop(folder string) {
	listeners := l.w.folders[folder]
	if !listeners[l] {
		return
	}
	delete(listeners, l)
	if len(listeners) == 0 {
		delete(l.w.folders, folder)
		_ = l.w.queue.Remove(folder) // it may be gone, and its watch with it
	}
}

// Close ends listening. It may be called more than once.
func (l *Listener) Close() {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if !l.w.all[l] {
		return
	}
	delete(l.w.all, l)
	if len(l.w.all) == 0 {
		_ = l.w.queue.Close()
		l.w.queue, l.w.folders = nil, nil
		return
	}
	for folder := range l.w.folders {
		l.drop(folder)
	}
}

// read passes on what a queue says until it is closed. Errors are read beside
// events, by who never waits: the queue holds its lock while it reports one,
// and whoever adds a folder needs that lock.
func (w *Watcher) read(queue *fsnotify.Watcher) {
	lost := make(chan struct{}, 1)
	go func() {
		for err := range queue.Errors {
			// EINVAL is of a folder that was moved and then removed before its
			// watch was: nothing that anybody listens to.
			if errors.Is(err, syscall.EINVAL) {
				continue
			}
			select {
			case lost <- struct{}{}:
			default:
			}
		}
	}()
	go func() {
		for {
			select {
			case e, ok := <-queue.Events:
				if !ok {
					return
				}
				w.tell(w.listeners(e.Name), Change{Path: e.Name, Created: e.Has(fsnotify.Create)})
			case <-lost:
				w.tell(w.everyone(), Change{Lost: true})
			}
		}
	}()
}

func (w *Watcher) tell(listeners []*Listener, c Change) {
	for _, l := range listeners {
		l.told(c)
	}
}

// listeners are those of a folder, or of the one that it lies in.
func (w *Watcher) listeners(path string) []*Listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []*Listener
	of, above := w.folders[path], w.folders[filepath.Dir(path)]
	for l := range of {
		list = append(list, l)
	}
	for l := range above {
		if !of[l] {
			list = append(list, l)
		}
	}
	return list
}

func (w *Watcher) everyone() []*Listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []*Listener
	for l := range w.all {
		list = append(list, l)
	}
	return list
}
