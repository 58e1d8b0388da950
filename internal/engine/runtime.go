package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"

	"offshoot/internal/datastore"
)

// Runtime provides what the host lacks: it fetches a pinned build once, which
// then lies in the runtime folder. It is safe for concurrent use, also by
// other processes on the same folder.
type Runtime struct {
	*Finder

	ctx  context.Context //nolint:containedctx // fetches outlive the question that began them, not the server
	stop context.CancelFunc
	all  sync.WaitGroup

	mu      sync.Mutex
	flights map[string]*flight
}

// flight is one fetch, with all who wait for it.
type flight struct {
	done    chan struct{}
	engine  datastore.Engine
	err     error
	mu      sync.Mutex
	waiting map[*datastore.Progress]bool
}

// NewRuntime keeps what it fetches below dir, which need not exist.
func NewRuntime(dir string) *Runtime {
	ctx, stop := context.WithCancel(context.Background())
	return &Runtime{Finder: New(dir), ctx: ctx, stop: stop, flights: map[string]*flight{}}
}

// Close ends what is being fetched and waits for it. Nothing half is left.
func (r *Runtime) Close() {
	r.stop()
	r.all.Wait()
}

// Provide answers what Find does, and fetches it where the host has none.
func (r *Runtime) Provide(ctx context.Context, want datastore.Wanted, tell datastore.Progress) (datastore.Engine, error) {
	kind, major := want.Kind, want.Major
	e, err := r.Find(ctx, kind, major)
	if err == nil {
		return e, nil
	}
	r.forget() // somebody may have installed it by hand since
	if e, err = r.Find(ctx, kind, major); err == nil || ctx.Err() != nil {
		return e, err
	}
	b, ok := build(kind, major)
	if !ok {
		return e, err
	}
	return r.join(ctx, b, tell)
}

// join waits for the fetch of a build, which it begins where nobody has.
func (r *Runtime) join(ctx context.Context, b Build, tell datastore.Progress) (datastore.Engine, error) {
	key := b.Kind + "-" + b.Major
	r.mu.Lock()
	f := r.flights[key]
	if f == nil {
		f = &flight{done: make(chan struct{}), waiting: map[*datastore.Progress]bool{}}
		r.flights[key] = f
		r.all.Go(func() {
			ctx, cancel := context.WithTimeout(r.ctx, fetchLimit)
			defer cancel()
			f.engine, f.err = r.install(ctx, b, f.tell)
			r.mu.Lock()
			delete(r.flights, key)
			r.mu.Unlock()
			close(f.done)
		})
	}
	r.mu.Unlock()
	if tell != nil {
		f.listen(&tell, true)
		defer f.listen(&tell, false)
	}
	select {
	case <-f.done:
		return f.engine, f.err
	case <-ctx.Done():
		return datastore.Engine{}, ctx.Err() // the fetch goes on
	}
}

func (f *flight) listen(tell *datastore.Progress, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if on {
		f.waiting[tell] = true
	} else {
		delete(f.waiting, tell)
	}
}

func (f *flight) tell(what string, done, total int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for tell := range f.waiting {
		(*tell)(what, done, total)
	}
}

func (r *Runtime) lock() *flock.Flock {
	return flock.New(filepath.Join(r.runtime, ".lock"), flock.SetPermissions(0o600))
}

// Recover takes away what a killed process has half fetched, unless another
// process fetches.
func (r *Runtime) Recover() error {
	if _, err := os.Stat(r.runtime); err != nil {
		return nil //nolint:nilerr // nothing was fetched
	}
	lock := r.lock()
	if mine, err := lock.TryLock(); err != nil || !mine {
		return err
	}
	defer func() { _ = lock.Unlock() }()
	return r.clean()
}

// clean is called under the lock.
func (r *Runtime) clean() error {
	left, err := filepath.Glob(filepath.Join(r.runtime, partial+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}
