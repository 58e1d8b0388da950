//go:build linux

package process

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"offshoot/internal/copytree"
	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// The files that the driver keeps beside the shim's in an instance's folder.
const (
	recordFile   = "instance.json"
	identityFile = "identity.json"
)

// record is what must be known to observe and delete an instance. It holds no
// secret.
type record struct {
	SpecHash string        `json:"spec_hash"`
	Service  string        `json:"service"`
	Restart  bool          `json:"restart"`
	Grace    time.Duration `json:"grace"`
	// Data is whether it is a data server.
	Data bool `json:"data,omitempty"`
	// Marker is in all its processes where no namespace holds them.
	Marker string `json:"marker,omitempty"`
	// Groups are its cgroups: a later server may live in another one.
	Groups []string `json:"groups,omitempty"`
	// Paths are what is re-emitted where there is no view.
	Paths paths `json:"paths,omitempty"`
	// Artifact is where a build's result goes, Cache what it read.
	Artifact string     `json:"artifact,omitempty"`
	Cache    *cacheUsed `json:"cache,omitempty"`
}

func readRecord(dir string) (record, error) {
	var r record
	return r, readFile(filepath.Join(dir, recordFile), &r)
}

const (
	defaultGrace = 10 * time.Second
	// killWait is how long the kernel may take to end a killed namespace.
	killWait = 10 * time.Second
)

// applyInstance starts a workload or task unless it runs. A task that began
// once is never begun again.
func (d *Driver) applyInstance(ctx context.Context, r platform.Resource) error {
	if done, err := d.proceed(ctx, r); done || err != nil {
		return err
	}
	return d.beginInstance(ctx, r, false)
}

// beginInstance starts a shim, which begins at once or waits to be told.
func (d *Driver) beginInstance(ctx context.Context, r platform.Resource, wait bool) error {
	if r.Workload == nil {
		return errors.New("nothing says what to run")
	}
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
	dir := d.file(ref)
	if there, err := d.makeWay(ctx, ref, r.SpecHash); there || err != nil {
		return err
	}
	u, err := d.usersOf(r.Owner)
	if err != nil {
		return fmt.Errorf("its scope: %w", err)
	}
	if err := d.haveFolders(r.Owner, u); err != nil {
		return err
	}
	known, err := d.makeFolder(dir, r, record{Paths: d.outside(r, dir)})
	if err != nil {
		return err
	}
	inside, err := d.inside(ctx, r, u, dir)
	if err != nil {
		return err
	}
	config, err := d.shimConfig(r, known, u, dir, inside)
	if err != nil {
		return err
	}
	if !wait {
		return d.startShim(ctx, r.Owner, dir, config)
	}
	config.Wait = true
	w, err := d.sendShim(ctx, r.Owner, dir, config)
	if err != nil {
		return err
	}
	w.specHash, w.status = r.SpecHash, filepath.Join(dir, shim.StatusFile)
	d.ahead.keep(r.Name, w)
	return nil
}

// makeWay answers whether an instance is there; else nothing of it runs when it
// returns, and what was only ever made ready for another specification is gone.
func (d *Driver) makeWay(ctx context.Context, ref platform.Ref, specHash string) (there bool, err error) {
	dir := d.file(ref)
	known, err := readRecord(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	o, err := d.Observe(ctx, ref)
	switch {
	case err != nil:
		return false, err
	case o.Presence == staging.Unknown:
		return false, errors.New(o.Reason)
	case o.Presence == staging.Present && known.SpecHash != specHash:
		return true, staging.Errorf(staging.CodeInternal, "", "another specification has this name already")
	case o.Presence == staging.Present:
		return true, nil
	}
	if err := errors.Join(d.endForgotten(ctx, dir), d.endLeft(known)); err != nil {
		return false, err
	}
	if known.SpecHash != specHash {
		return false, d.deleteInstance(ctx, ref)
	}
	return false, nil
}

// makeFolder makes an instance's folder with its record, unless it is there,
// and takes up the log of an earlier one of its name.
func (d *Driver) makeFolder(dir string, r platform.Resource, with record) (record, error) {
	if known, err := readRecord(dir); err == nil {
		return known, errors.Join(known.Paths.shorten(dir))
	}
	tmp := dir + partial
	if err := copytree.Remove(tmp); err != nil {
		return with, err
	}
	for _, sub := range []string{"root", "upper", "work", "files"} {
		if err := os.MkdirAll(filepath.Join(tmp, sub), 0o711); err != nil {
			return with, err
		}
	}
	with.SpecHash, with.Service, with.Grace = r.SpecHash, r.Workload.Service, r.Workload.StopGrace
	with.Restart = r.Workload.Restart && r.Kind == staging.ResourceWorkload
	with.Data = r.Workload.Role == staging.RoleData
	with.Groups = d.cgroups.groups(r.Owner, instanceGroup(r.Name))
	if with.Grace <= 0 {
		with.Grace = defaultGrace
	}
	if d.shape == ShapePlain {
		var mark [8]byte
		_, _ = rand.Read(mark[:])
		with.Marker = hex.EncodeToString(mark[:])
	}
	if err := with.Paths.shorten(dir); err != nil {
		return with, err
	}
	if err := d.unshelve(r.Name, tmp); err != nil {
		return with, err
	}
	if err := writeFile(filepath.Join(tmp, recordFile), with); err != nil {
		return with, err
	}
	return with, os.Rename(tmp, dir)
}

// endLeft ends what outlived a shim that was killed: in a namespace nothing
// can.
func (d *Driver) endLeft(known record) error {
	if err := shim.EndMarked(known.Marker); err != nil {
		return fmt.Errorf("what a killed shim left: %w", err)
	}
	return nil
}

func (d *Driver) observeInstance(ref platform.Ref) (staging.Observation, error) {
	dir := d.file(ref)
	known, err := readRecord(dir)
	if err != nil {
		return staging.Observation{}, err
	}
	o := staging.Observation{Presence: staging.Present, SpecHash: known.SpecHash}
	var id identity
	if err := readFile(filepath.Join(dir, identityFile), &id); err != nil {
		if known.Artifact != "" && endedIn(dir) {
			return ended(o, dir, ref.Kind) // a build that had nothing to run
		}
		return o, err // never begun: absent
	}
	o.Ref = fmt.Sprint(id.PID)
	alive := d.alive(id)
	var status shim.Status
	switch err := readFile(filepath.Join(dir, shim.StatusFile), &status); {
	case errors.Is(err, fs.ErrNotExist) && !alive && id.Boot == d.boot && !endedIn(dir):
		return o, err // its shim was never told what to do: never begun, absent
	case errors.Is(err, fs.ErrNotExist):
		status.Run = string(staging.RunStarting)
	case err != nil:
		return o, err
	}
	if status.Run == runWaiting {
		return o, fs.ErrNotExist // only made ready
	}
	o.Run, o.StartedAt, o.Restarts = staging.RunState(status.Run), status.StartedAt, status.Restarts
	if status.Last != nil {
		o.Reason = status.Last.Reason
		if o.Run == staging.RunRestarting || o.Run == staging.RunFailing {
			o.ExitCode = &status.Last.Code
		}
	}
	// The end of a task or build is its record, the last thing that is written:
	// the kernel may take long to undo the view.
	if alive && (known.Restart || !endedIn(dir)) {
		return o, nil
	}
	return ended(o, dir, ref.Kind)
}

// endedIn is whether an instance left word of its end.
func endedIn(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, shim.ExitFile))
	return err == nil
}

// ended says how an instance that no longer runs ended. A workload that left
// no record was cut off with its host and counts as absent; a task is never
// begun twice, so its end stays unknown.
func ended(o staging.Observation, dir string, kind staging.ResourceKind) (staging.Observation, error) {
	var exit shim.Exit
	err := readFile(filepath.Join(dir, shim.ExitFile), &exit)
	switch {
	case err == nil:
		o.Run, o.ExitCode, o.ExitedAt, o.Reason = staging.RunExited, &exit.Code, exit.At, exit.Reason
		return o, nil
	case errors.Is(err, fs.ErrNotExist) && kind != staging.ResourceWorkload:
		o.Run, o.Reason = staging.RunExited, "it was cut off: how it ended is not known"
		return o, nil
	}
	return o, err
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
		func() error { return d.end(ctx, id, known.Grace) },
		func() error { return d.endLeft(known) },
		func() error { return removeGroups(known.Groups) },
		func() error { return known.Paths.unlink() },
		func() error { return d.discard(known) },
		func() error { return d.shelve(ref, dir) },
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

// end asks, waits, then kills: with the shim, PID 1, goes all of its namespace.
func (d *Driver) end(ctx context.Context, id identity, grace time.Duration) error {
	w, ok := d.watch(id)
	if !ok {
		return nil
	}
	defer w.close()
	if err := w.signal(unix.SIGTERM); err != nil {
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

// Wait implements platform.Driver.
func (d *Driver) Wait(ctx context.Context, ref platform.Ref, seen staging.Observation) (staging.Observation, error) {
	changes, err := d.changesOf(d.file(ref))
	if err != nil {
		return staging.Observation{}, err
	}
	defer changes.close()
	for {
		// Held before it is looked at: what ends in between is told.
		var id identity
		_ = readFile(filepath.Join(d.file(ref), identityFile), &id)
		w, held := d.watch(id)
		o, err := d.Observe(ctx, ref)
		done := err != nil || o.Run != seen.Run || o.Presence != seen.Presence || ctx.Err() != nil
		if !done {
			changes.next(ctx, w, held)
		}
		if held {
			w.close()
		}
		if done {
			return o, err
		}
	}
}
