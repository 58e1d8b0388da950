//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

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
		o.Reason, o.Ending = status.Last.Reason, staging.Ending(status.Last.Ending)
		if o.Run == staging.RunRestarting || o.Run == staging.RunFailing {
			o.ExitCode = &status.Last.Code
		}
	}
	// The end of a task or build is its record, the last thing that is written:
	// the kernel may take long to undo the view.
	if alive && (known.Restart || !endedIn(dir)) {
		return o, nil
	}
	o, err = ended(o, dir, ref.Kind)
	if err == nil && known.Restart && known.Once && *o.ExitCode == 0 {
		o.Run = staging.RunDone
	}
	return o, err
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
		o.Run, o.ExitCode, o.ExitedAt, o.Reason, o.Ending = staging.RunExited, &exit.Code, exit.At, exit.Reason, staging.Ending(exit.Ending)
		return o, nil
	case errors.Is(err, fs.ErrNotExist) && kind != staging.ResourceWorkload:
		o.Run, o.Reason = staging.RunExited, "it was cut off: how it ended is not known"
		return o, nil
	}
	return o, err
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
