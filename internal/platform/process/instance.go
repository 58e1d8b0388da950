package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

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
	// Artifact is where a build's result goes.
	Artifact string `json:"artifact,omitempty"`
}

const (
	defaultGrace = 10 * time.Second
	// killWait is how long the kernel may take to end a killed namespace.
	killWait = 10 * time.Second
)

// applyInstance starts a workload or task unless it runs. A task that began
// once is never begun again.
func (d *Driver) applyInstance(ctx context.Context, r platform.Resource) error {
	if r.Workload == nil {
		return errors.New("nothing says what to run")
	}
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
	dir := d.file(ref)
	var known record
	switch err := readFile(filepath.Join(dir, recordFile), &known); {
	case err == nil && known.SpecHash != r.SpecHash:
		return staging.Errorf(staging.CodeInternal, "", "another specification has this name already")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil:
		o, err := d.Observe(ctx, ref)
		if err != nil || o.Presence == staging.Present {
			return err
		}
		if o.Presence == staging.Unknown {
			return errors.New(o.Reason)
		}
	}
	u, err := d.users(r.Owner)
	if err != nil {
		return fmt.Errorf("its scope: %w", err)
	}
	if err := d.makeFolder(dir, r, ""); err != nil {
		return err
	}
	config, err := d.shimConfig(r, u, dir, d.inside(r, dir))
	if err != nil {
		return err
	}
	return d.startShim(ctx, dir, config)
}

func (d *Driver) makeFolder(dir string, r platform.Resource, artifact string) error {
	if _, err := os.Stat(filepath.Join(dir, recordFile)); err == nil {
		return nil
	}
	tmp := dir + partial
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	for _, sub := range []string{"root", "upper", "work"} {
		if err := os.MkdirAll(filepath.Join(tmp, sub), 0o711); err != nil {
			return err
		}
	}
	grace := r.Workload.StopGrace
	if grace <= 0 {
		grace = defaultGrace
	}
	if err := writeFile(filepath.Join(tmp, recordFile), record{SpecHash: r.SpecHash, Service: r.Workload.Service,
		Restart: r.Workload.Restart && r.Kind == staging.ResourceWorkload, Grace: grace, Artifact: artifact}); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// startShim writes down who the shim is before it is told what to do.
func (d *Driver) startShim(ctx context.Context, dir string, config shim.Config) error {
	for _, name := range []string{shim.ExitFile, shim.StatusFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = write.Close() }()
	// The shim has little to do: a runtime for one processor weighs a sixth less.
	cmd := &exec.Cmd{Path: d.program(), Args: []string{shim.Name}, Dir: "/", Env: []string{"GOMAXPROCS=1"}, ExtraFiles: []*os.File{read},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC}}
	err = cmd.Start()
	_ = read.Close()
	if err != nil {
		return fmt.Errorf("start the shim: %w", err)
	}
	// Reaped here; how it ended is in its records.
	go func() { _ = cmd.Wait() }()
	start, err := identify(cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("the shim ended at once: %w", err)
	}
	if err := writeFile(filepath.Join(dir, identityFile), identity{cmd.Process.Pid, start, d.boot}); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = write.SetWriteDeadline(deadline)
	}
	if err := json.NewEncoder(write).Encode(config); err != nil {
		return fmt.Errorf("instruct the shim: %w", err)
	}
	return nil
}

func (d *Driver) observeInstance(ref platform.Ref) (staging.Observation, error) {
	dir := d.file(ref)
	var known record
	if err := readFile(filepath.Join(dir, recordFile), &known); err != nil {
		return staging.Observation{}, err
	}
	o := staging.Observation{Presence: staging.Present, SpecHash: known.SpecHash}
	var id identity
	if err := readFile(filepath.Join(dir, identityFile), &id); err != nil {
		if known.Artifact != "" {
			return ended(o, dir, ref.Kind) // a build that had nothing to run
		}
		return o, err // never begun: absent
	}
	o.Ref = fmt.Sprint(id.PID)
	alive := d.alive(id)
	var status shim.Status
	switch err := readFile(filepath.Join(dir, shim.StatusFile), &status); {
	case errors.Is(err, fs.ErrNotExist):
		status.Run = string(staging.RunStarting)
	case err != nil:
		return o, err
	}
	o.Run, o.StartedAt, o.Restarts = staging.RunState(status.Run), status.StartedAt, status.Restarts
	if status.Last != nil {
		o.Reason = status.Last.Reason
	}
	if alive {
		return o, nil
	}
	return ended(o, dir, ref.Kind)
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
	dir := d.file(ref)
	var known record
	if err := readFile(filepath.Join(dir, recordFile), &known); err != nil {
		return err
	}
	var id identity
	if err := readFile(filepath.Join(dir, identityFile), &id); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.end(ctx, id, known.Grace); err != nil {
		return fmt.Errorf("%s: %w", ref.Name, err)
	}
	if err := d.cgroups.remove(filepath.Join(ref.Owner, instanceGroup(ref.Name))); err != nil {
		return err
	}
	gone := dir + partial
	if err := os.RemoveAll(gone); err != nil {
		return err
	}
	if err := os.Rename(dir, gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
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
	changes, err := follow(d.file(ref))
	if err != nil {
		return staging.Observation{}, err
	}
	defer changes.close()
	for {
		o, err := d.Observe(ctx, ref)
		if err != nil || o.Run != seen.Run || o.Presence != seen.Presence || ctx.Err() != nil {
			return o, err
		}
		var id identity
		_ = readFile(filepath.Join(d.file(ref), identityFile), &id)
		changes.next(ctx, d, id)
	}
}
