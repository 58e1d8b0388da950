package docker

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

const (
	// outputWait is how long the end of the output is waited for once the
	// command has ended: what still holds it open is not the command's.
	outputWait = 200 * time.Millisecond
	// markVariable is in what a command starts, so that all of it is found.
	markVariable = "OFFSHOOT_EXEC"
)

// Exec implements platform.Attacher.
func (d *Driver) Exec(ctx context.Context, x platform.Exec) (int, error) {
	ref := platform.Ref{Kind: staging.ResourceWorkload, Name: x.In, Owner: x.Owner}
	if check(ref) != nil {
		ref.Kind = staging.ResourceTask
	}
	if err := check(ref); err != nil {
		return 0, err
	}
	c, _, err := d.inspect(ctx, x.In)
	if err != nil {
		return 0, named(x.In, err)
	}
	if !c.State.Running || c.State.Paused || c.State.Restarting {
		return 0, staging.Refused("offshoot logs tells why", "%s does not run: it is %s", x.In, c.State.Status)
	}
	mark := d.id + "." + rand.Text()
	options := client.ExecCreateOptions{Cmd: argv(x.Command), TTY: x.TTY, AttachStdin: x.Stdin != nil, AttachStdout: true, AttachStderr: true,
		Env: []string{markVariable + "=" + mark}}
	for _, k := range slices.Sorted(maps.Keys(x.Env)) {
		options.Env = append(options.Env, k+"="+x.Env[k])
	}
	if x.Spec != nil {
		options.WorkingDir = x.Spec.Dir
	}
	size := client.ConsoleSize{}
	if x.TTY {
		size = client.ConsoleSize{Height: uint(x.Size.Rows), Width: uint(x.Size.Cols)}
	}
	made, err := call(ctx, d.engine, makeTime, "run a command", func(ctx context.Context) (client.ExecCreateResult, error) {
		return d.client.ExecCreate(ctx, c.ID, options)
	})
	if err != nil {
		return 0, named(x.In, err)
	}
	over, stop := d.events.awaitExec(made.ID)
	defer stop()
	attached, err := d.attach(ctx, made.ID, client.ExecAttachOptions{TTY: x.TTY, ConsoleSize: size})
	if err != nil {
		return 0, named(x.In, d.fault(ctx, "run a command", err))
	}
	e := &execution{d: d, x: x, id: made.ID, mark: mark, over: over, HijackedResponse: attached.HijackedResponse}
	return e.run(ctx)
}

// attach begins a command, and not with ctx: what has begun is ended in order.
func (d *Driver) attach(ctx context.Context, id string, o client.ExecAttachOptions) (client.ExecAttachResult, error) {
	begin, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer time.AfterFunc(startTime, cancel).Stop()
	return d.client.ExecAttach(begin, id, o)
}

// Exit codes of a command that could not be started (POSIX, Shell Command
// Language 2.8.2). The engine answers the first for both, and says which in the
// command's place.
const notExecutable, notFound = 126, 127

// head is the beginning of what is written.
type head struct {
	io.Writer
	text []byte
}

func (h *head) Write(p []byte) (int, error) {
	if room := 1024 - len(h.text); room > 0 {
		h.text = append(h.text, p[:min(room, len(p))]...)
	}
	return h.Writer.Write(p)
}

// missing is whether it is the engine's word that there is no such program.
func (h *head) missing() bool {
	return bytes.HasPrefix(h.text, []byte("OCI runtime exec failed")) &&
		(bytes.Contains(h.text, []byte("executable file not found")) || bytes.Contains(h.text, []byte("no such file or directory")))
}

// execution is one command under way.
type execution struct {
	d    *Driver
	x    platform.Exec
	id   string
	mark string
	over <-chan struct{}
	head head
	client.HijackedResponse
}

func (e *execution) run(ctx context.Context) (int, error) {
	defer e.Close()
	sized := make(chan struct{})
	if e.x.Stdin != nil {
		go func() {
			<-sized // whoever types at once is asked for the size at once
			_, _ = io.Copy(e.Conn, e.x.Stdin)
			if !e.x.TTY { // a terminal's end is a character; the engine would end its output
				_ = e.CloseWrite()
			}
		}()
	}
	drained := make(chan struct{})
	go func() { e.output(); close(drained) }()
	done := make(chan struct{})
	var resizing sync.WaitGroup
	resizing.Go(func() { e.resize(ctx, sized, done) })
	err := e.await(ctx, drained)
	close(done)
	resizing.Wait()
	if err != nil {
		err = errors.Join(err, e.d.hangUp(context.WithoutCancel(ctx), e.mark))
	}
	select {
	case <-drained:
	case <-time.After(outputWait):
		e.Close()
	}
	<-drained
	code, _, look := e.ended(context.WithoutCancel(ctx))
	if code == notExecutable && e.head.missing() {
		code = notFound
	}
	return code, errors.Join(err, look)
}

// await waits until the command has ended, or ctx.
func (e *execution) await(ctx context.Context, drained <-chan struct{}) error {
	for {
		select {
		case <-drained: // it may have closed its output and go on
			drained = nil
		case <-e.over: // or the stream of events broke off
		case <-ctx.Done():
			return ctx.Err()
		}
		if _, running, err := e.ended(ctx); err == nil && !running {
			return nil
		}
	}
}

func (e *execution) ended(ctx context.Context) (code int, running bool, err error) {
	look, err := call(ctx, e.d.engine, lookTime, "look at a command", func(ctx context.Context) (client.ExecInspectResult, error) {
		return e.d.client.ExecInspect(ctx, e.id, client.ExecInspectOptions{})
	})
	return look.ExitCode, look.Running, err
}

func (e *execution) output() {
	out, errs := e.x.Stdout, e.x.Stderr
	if out == nil {
		out = io.Discard
	}
	if errs == nil {
		errs = io.Discard
	}
	e.head.Writer = out
	out = &e.head
	if e.x.TTY {
		_, _ = io.Copy(out, e.Reader)
		return
	}
	_, _ = stdcopy.StdCopy(out, errs, e.Reader)
}

// firstSizes is how often an engine is asked for the first size that says that the
// command is not there yet.
const firstSizes = 6

// resize gives the terminal its size, at first too, and closes sized then: engines
// before API 1.42 begin with none.
func (e *execution) resize(ctx context.Context, sized chan<- struct{}, done <-chan struct{}) {
	if e.x.TTY && e.x.Size != (platform.TerminalSize{}) {
		pause := 10 * time.Millisecond
		for range firstSizes {
			if e.give(ctx, e.x.Size) {
				break
			}
			select {
			case <-time.After(pause):
			case <-done:
			}
			pause *= 2
		}
	}
	close(sized)
	for {
		select {
		case size, ok := <-e.x.Resize:
			if !ok {
				return
			}
			e.give(ctx, size)
		case <-done:
			return
		}
	}
}

func (e *execution) give(ctx context.Context, size platform.TerminalSize) bool {
	_, err := call(ctx, e.d.engine, lookTime, "resize a terminal", func(ctx context.Context) (client.ExecResizeResult, error) {
		return e.d.client.ExecResize(ctx, e.id, client.ExecResizeOptions{Height: uint(size.Rows), Width: uint(size.Cols)})
	})
	if err != nil && ctx.Err() == nil {
		e.d.log.Debug("resize a terminal", "error", err)
	}
	return err == nil
}
