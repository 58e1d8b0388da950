package docker

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"offshoot/internal/copytree"
	"offshoot/internal/platform"
	"offshoot/internal/platform/docker/hold"
	"offshoot/internal/staging"
)

// ahead are the containers that were started ahead, each with the pipe that its
// holder waits at. They end when their pipe does: with this server at the latest.
type ahead struct {
	mu    sync.Mutex
	pipes map[string]*os.File
}

func (a *ahead) has(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pipes[name] != nil
}

func (a *ahead) keep(name string, pipe *os.File) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pipes[name] = pipe
}

func (a *ahead) take(name string) *os.File {
	a.mu.Lock()
	defer a.mu.Unlock()
	pipe := a.pipes[name]
	delete(a.pipes, name)
	return pipe
}

// keepHolder copies the program that holds containers to where it stays, before
// the first of them is made: whoever is started again needs it, also after the
// program of the server was replaced.
func (d *Driver) keepHolder(ctx context.Context) error {
	d.keeping.Lock()
	defer d.keeping.Unlock()
	if d.kept {
		return nil
	}
	from, err := os.Stat(d.program)
	if err != nil {
		return err
	}
	if to, err := os.Stat(d.holder); err == nil && to.Size() == from.Size() && to.ModTime().Equal(from.ModTime()) {
		d.kept = true
		return nil
	}
	if err := removeFile(d.holder + partial); err != nil {
		return err
	}
	if err := copytree.CopyFile(ctx, filepath.Dir(d.program), filepath.Base(d.program), d.holder+partial); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(d.holder+partial, 0o755), os.Chtimes(d.holder+partial, time.Time{}, from.ModTime())); err != nil {
		return err
	}
	err = os.Rename(d.holder+partial, d.holder)
	d.kept = err == nil
	return err
}

// labelGate marks a container whose program waits at a gate.
const labelGate = prefix + "gate"

// gateDir is the folder of a gate. What it says outlives the container's restarts.
func (d *Driver) gateDir(name string) string {
	owner, rest, _ := strings.Cut(name, "/")
	return filepath.Join(d.home(owner), "gate", strings.ReplaceAll(rest, "/", "-"))
}

// opened is when a gate was opened, false while it is not.
func (d *Driver) opened(name string) (at time.Time, ok bool) {
	return at, readFile(filepath.Join(d.gateDir(name), hold.Open), &at) == nil
}

// Prepare implements platform.Preparer: it starts the container, whose program
// waits until it is told to begin. Most of a start is the engine's own work, a
// network and a view of files, whatever runs then.
func (d *Driver) Prepare(ctx context.Context, r platform.Resource) error {
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
	if err := check(ref); err != nil {
		return err
	}
	if r.Kind != staging.ResourceWorkload && r.Kind != staging.ResourceTask || r.Workload == nil {
		return none(r.Kind)
	}
	if d.holder == "" || r.Workload.Hold {
		return nil
	}
	giveBack, err := d.turns.take(ctx, r.Name)
	if err != nil {
		return err
	}
	defer giveBack()
	if d.ahead.has(r.Name) {
		return nil
	}
	c, stranger, err := d.inspect(ctx, r.Name)
	switch {
	case stranger:
		return d.taken("container", r.Name)
	case err == nil && d.begun(r.Name, c):
		return nil
	case err == nil:
		err = d.remove(ctx, c.ID, true)
	case errors.Is(err, errMissing):
		if _, err := d.removed(ref); !errors.Is(err, errMissing) {
			return err // it began once
		}
		err = nil
	}
	if err != nil {
		return err
	}
	if err := d.startAhead(ctx, r); err != nil {
		return named(r.Name, err)
	}
	return nil
}

func (d *Driver) startAhead(ctx context.Context, r platform.Resource) error {
	pipe, err := makeGate(d.gateDir(r.Name))
	if err != nil {
		return err
	}
	id, err := d.create(ctx, r, true)
	if err == nil {
		err = d.startContainer(ctx, r.Name, id)
	}
	if err != nil {
		return errors.Join(err, pipe.Close())
	}
	d.ahead.keep(r.Name, pipe)
	return nil
}

// makeGate makes a closed one, and answers the end of its pipe that keeps whoever
// waits there waiting.
func makeGate(dir string) (*os.File, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	pipe := filepath.Join(dir, hold.Pipe)
	if err := syscall.Mkfifo(pipe, 0o444); err != nil {
		return nil, err
	}
	return os.OpenFile(pipe, os.O_RDWR, 0)
}

// gate lets what options describe begin at its gate.
func (d *Driver) gate(ctx context.Context, r platform.Resource, o *client.ContainerCreateOptions) error {
	argv := slices.Concat(o.Config.Entrypoint, o.Config.Cmd)
	if o.Config.Entrypoint == nil { // what an image says holds where nothing else is said
		found, err := call(ctx, d.engine, lookTime, "look at an image", func(ctx context.Context) (client.ImageInspectResult, error) {
			return d.client.ImageInspect(ctx, o.Config.Image)
		})
		if err != nil {
			return err
		}
		if c := found.Config; c != nil {
			words := o.Config.Cmd
			if len(words) == 0 {
				words = c.Cmd
			}
			argv = slices.Concat(c.Entrypoint, words)
		}
	}
	if len(argv) == 0 || argv[0] == "" {
		return errors.New("nothing says what it runs")
	}
	if err := d.keepHolder(ctx); err != nil {
		return err
	}
	o.Config.Entrypoint, o.Config.Cmd = append([]string{hold.Path}, argv...), nil
	o.Config.Labels[labelGate] = "1"
	o.HostConfig.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyDisabled}
	for source, target := range map[string]string{d.holder: hold.Path, d.gateDir(r.Name): hold.GateDir} {
		o.HostConfig.Mounts = append(o.HostConfig.Mounts, mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: true})
	}
	return nil
}

// proceed lets what waits begin, if it is what is wanted. Its gate is open before
// it is told to look, and whoever died in between finds that it has begun.
func (d *Driver) proceed(ctx context.Context, r platform.Resource, c container.InspectResponse) (bool, error) {
	pipe := d.ahead.take(r.Name)
	if pipe == nil {
		return false, nil
	}
	defer func() { _ = pipe.Close() }()
	if !c.State.Running || c.Config.Labels[labelSpec] != r.SpecHash {
		return false, nil
	}
	if err := d.recordBegin(r); err != nil {
		return false, err
	}
	// Whom a power cut sends back to the gate is made anew, but for a task.
	write := writeSoon
	if r.Kind == staging.ResourceTask {
		write = writeFile
	}
	if err := write(filepath.Join(d.gateDir(r.Name), hold.Open), time.Now().UTC()); err != nil {
		return false, err
	}
	if _, err := pipe.Write([]byte{1}); err != nil {
		return false, err
	}
	d.limitOf(ctx, r)
	return true, d.startsAgain(ctx, r, c)
}

// startsAgain has the engine answer a crash of what was started ahead.
func (d *Driver) startsAgain(ctx context.Context, r platform.Resource, c container.InspectResponse) error {
	if r.Kind != staging.ResourceWorkload || !r.Workload.Restart || c.Config.Labels[labelGate] == "" || restarts(c) {
		return nil
	}
	for pause := 20 * time.Millisecond; ; pause *= 2 {
		err := d.setRestart(ctx, c.ID, startsAgain)
		if err == nil || !strings.Contains(err.Error(), "container not running") || pause > time.Second {
			return err
		}
		// The engine takes it for running, and its runtime does not, or not yet.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if now, _, look := d.inspect(ctx, r.Name); look != nil || !now.State.Running {
			return look // it has ended, which is seen
		}
	}
}

// closeGate forgets one, with whoever waits there.
func (d *Driver) closeGate(name string) error {
	if pipe := d.ahead.take(name); pipe != nil {
		if err := pipe.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
			return err
		}
	}
	return os.RemoveAll(d.gateDir(name))
}
