//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process/cgroup"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// frozenWait bounds waiting for the kernel to have stopped every process. Each has
// to run to stop; what asks it waits, so it is half of what a request waits.
const frozenWait = 30 * time.Second

// hold is a shim's promise to keep its processes stopped: it lasts as long as
// the connection, so what a server that was killed had paused goes on at once.
type hold interface{ Close() error }

// Pause implements platform.Pauser, by the kernel's freezer (cgroups(7)) or,
// without it, by SIGSTOP: data servers first, then what would miss them.
func (d *Driver) Pause(ctx context.Context, owner string, names []string) error {
	return d.each(ctx, owner, names, true)
}

// Resume implements platform.Pauser, in the other order.
func (d *Driver) Resume(ctx context.Context, owner string, names []string) error {
	return d.each(ctx, owner, names, false)
}

func (d *Driver) each(ctx context.Context, owner string, names []string, frozen bool) error {
	ctx, cancel := context.WithTimeout(ctx, frozenWait)
	defer cancel()
	type instance struct {
		dir   string
		known record
	}
	var list []instance
	for _, name := range names {
		kind, _, _ := strings.Cut(strings.TrimPrefix(name, owner+"/"), "/")
		ref := platform.Ref{Kind: staging.ResourceKind(kind), Name: name, Owner: owner}
		if err := d.check(ref); err != nil {
			return err
		}
		known, err := readRecord(d.file(ref))
		if errors.Is(err, fs.ErrNotExist) || d.ahead.has(name) {
			continue // it does not run
		}
		if err != nil {
			return err
		}
		list = append(list, instance{d.file(ref), known})
	}
	slices.SortStableFunc(list, func(a, b instance) int {
		if a.known.Data == b.known.Data {
			return strings.Compare(a.dir, b.dir)
		}
		if a.known.Data {
			return -1
		}
		return 1
	})
	if !frozen {
		slices.Reverse(list)
	}
	var errs []error
	for _, i := range list {
		err := d.still(ctx, i.dir, i.known, frozen)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", filepath.Base(i.dir), err))
			if frozen {
				break
			}
		}
	}
	if err := errors.Join(errs...); err != nil && frozen {
		return errors.Join(err, d.each(context.WithoutCancel(ctx), owner, names, false))
	}
	return errors.Join(errs...)
}

// still pauses or resumes one instance.
func (d *Driver) still(ctx context.Context, dir string, known record, frozen bool) error {
	for _, group := range known.Groups {
		if f, ok := cgroup.FreezerOf(group); ok {
			return f.Set(ctx, frozen)
		}
	}
	var id identity
	if readFile(filepath.Join(dir, identityFile), &id) != nil || !d.alive(id) {
		return nil
	}
	if !frozen {
		conn, err := d.ask(ctx, dir, shim.Resume)
		for ; cutOff(err) && ctx.Err() == nil; conn, err = d.ask(ctx, dir, shim.Resume) {
			if !d.alive(id) {
				return nil
			}
			<-time.After(5 * time.Millisecond) // it is ending
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
			return nil // it begins or ends: nothing holds it
		}
		if err != nil {
			return err
		}
		d.holding.Lock()
		held := d.holds[dir]
		delete(d.holds, dir)
		d.holding.Unlock()
		if held != nil {
			err = held.Close()
		}
		return errors.Join(err, conn.Close())
	}
	conn, err := d.ask(ctx, dir, shim.Pause)
	for ; err != nil && ctx.Err() == nil; conn, err = d.ask(ctx, dir, shim.Pause) {
		if !d.alive(id) {
			return nil
		}
		<-time.After(5 * time.Millisecond) // it is about to listen
	}
	if err != nil {
		return err
	}
	d.holding.Lock()
	defer d.holding.Unlock()
	d.holds[dir] = conn
	return nil
}

// cutOff is whether a shim went away while it was asked.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}

// ask asks a shim for something and waits until it is so.
func (d *Driver) ask(ctx context.Context, dir, what string) (*net.UnixConn, error) {
	conn, err := shim.Dial(dir, shim.Request{Op: what})
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetReadDeadline(deadline)
	}
	_, reply, err := (&call{conn: conn}).next()
	if err == nil && reply.Error != "" {
		err = errors.New(reply.Error)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// thaw lets go on what an earlier server froze and did not live to thaw.
func (d *Driver) thaw() error {
	records, err := filepath.Glob(filepath.Join(d.dir, "*", "*", "*", recordFile))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), frozenWait)
	defer cancel()
	for _, file := range records {
		known, err := readRecord(filepath.Dir(file))
		if err != nil {
			continue // it is being removed, or is not ours to thaw
		}
		for _, group := range known.Groups {
			if f, ok := cgroup.FreezerOf(group); ok {
				if err := f.Set(ctx, false); err != nil {
					return fmt.Errorf("resume %s: %w", filepath.Base(filepath.Dir(file)), err)
				}
			}
		}
	}
	return nil
}
