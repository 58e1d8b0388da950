//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"offshoot/internal/copytree"
	"offshoot/internal/platform"
	"offshoot/internal/platform/process/cgroup"
	"offshoot/internal/platform/process/shim"
)

const (
	defaultGrace = 10 * time.Second
	// killWait is how long the kernel may take to end a killed namespace: each
	// process of it dies on a processor, which on a busy host may be long in
	// coming.
	killWait = 30 * time.Second
)

// endLeft ends what outlived a shim that was killed: in a namespace nothing
// can.
func (d *Driver) endLeft(known record) error {
	if err := shim.EndMarked(known.Marker); err != nil {
		return fmt.Errorf("what a killed shim left: %w", err)
	}
	return nil
}

func (d *Driver) deleteInstance(ctx context.Context, ref platform.Ref) error {
	if w := d.ahead.take(ref.Name); w != nil {
		if err := w.dismiss(ctx); err != nil {
			return err
		}
	}
	dir := d.file(ref)
	known, err := readRecord(dir)
	if err != nil {
		return err
	}
	var id identity
	if err := readFile(filepath.Join(dir, identityFile), &id); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, step := range []func() error{
		func() error { return d.Resume(ctx, ref.Owner, []string{ref.Name}) }, // what stands still cannot end
		func() error { return d.end(ctx, id, known.Grace, asks(ref, known)) },
		func() error { return d.endLeft(known) },
		func() error { return cgroup.Remove(known.Groups) },
		func() error { return known.Paths.unlink() },
		func() error { return d.discard(known) },
		func() error { return unlessFull(d.shelve(ref, dir)) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("%s: %w", ref.Name, err)
		}
	}
	gone := dir + partial
	if err := copytree.Remove(gone); err != nil {
		return err
	}
	d.unfollow(dir)
	if err := os.Rename(dir, gone); err != nil {
		return err
	}
	return copytree.Remove(gone)
}

// asks is how a shim is told to end its command.
func asks(ref platform.Ref, known record) unix.Signal {
	if ref.Discard && known.Discard {
		return shim.Discard
	}
	return unix.SIGTERM
}

// end asks, waits, then kills: with the shim, PID 1, goes all of its namespace.
func (d *Driver) end(ctx context.Context, id identity, grace time.Duration, ask unix.Signal) error {
	w, ok := d.watch(id)
	if !ok {
		return nil
	}
	defer w.close()
	if err := w.signal(ask); err != nil {
		return err
	}
	if w.ended(ctx, grace+time.Second) {
		return nil
	}
	if ctx.Err() != nil {
		// It was asked to end and may still be writing: whoever deletes again
		// waits again. Impatience is no reason to kill a data server.
		return fmt.Errorf("process %d was asked to end and has not yet: %w", id.PID, ctx.Err())
	}
	if err := w.signal(unix.SIGKILL); err != nil {
		return err
	}
	if w.ended(context.WithoutCancel(ctx), killWait) {
		return nil
	}
	return fmt.Errorf("process %d does not end", id.PID)
}
