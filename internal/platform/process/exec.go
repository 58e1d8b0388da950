//go:build linux

package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/creack/pty"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// Exec implements platform.Attacher: the shim of a running workload or task
// starts the command, in whatever view that one has.
func (d *Driver) Exec(ctx context.Context, x platform.Exec) (int, error) {
	ref := platform.Ref{Kind: staging.ResourceWorkload, Name: x.In, Owner: x.Owner}
	if d.check(ref) != nil {
		ref.Kind = staging.ResourceTask
	}
	if err := d.check(ref); err != nil {
		return 0, err
	}
	dir := d.file(ref)
	known, err := readRecord(dir)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", x.In, err)
	}
	var id identity
	if readFile(filepath.Join(dir, identityFile), &id) != nil || !d.alive(id) {
		return 0, staging.Refused("offshoot logs tells why", "%s does not run", x.In)
	}
	command := x.Command.Args
	if x.Command.Shell != "" {
		command = []string{"/bin/sh", "-c", x.Command.Shell}
	}
	work := appDir
	if x.Spec != nil {
		work = workDir(x.Spec)
	}
	r := shim.Request{Op: shim.Exec, Command: known.Paths.list(command), Dir: known.Paths.text(work), Env: known.Paths.list(d.environ(x.Env, work)),
		TTY: x.TTY, Rows: x.Size.Rows, Cols: x.Size.Cols}
	if x.TTY {
		return terminal(ctx, dir, r, x)
	}
	return piped(ctx, dir, r, x)
}

const (
	// outputWait is how long the end of the output is waited for once the
	// command has ended with all that it started.
	outputWait = 200 * time.Millisecond
	// hangUpWait is how long a shim may take to end what was hung up: its grace
	// and its search (shim), and some more. One that is gone is heard at once.
	hangUpWait = time.Minute
)

// call is one command under way at a shim.
type call struct {
	conn *net.UnixConn
	// terminal is the command's, nil for pipes.
	terminal *os.File
}

// begin asks for a command and waits until it runs.
// What cannot be started is said where its errors would be.
func begin(ctx context.Context, dir string, r shim.Request, errs io.Writer, files ...*os.File) (*call, int, error) {
	conn, err := shim.Dial(dir, r, files...)
	if err != nil {
		return nil, 0, fmt.Errorf("reach what runs: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c := &call{conn: conn}
	passed, reply, err := c.next()
	switch {
	case err != nil:
		return nil, 0, errors.Join(fmt.Errorf("it has just ended: %w", err), conn.Close())
	case reply.Error != "":
		if errs != nil {
			_, _ = fmt.Fprintln(errs, reply.Error)
		}
		return nil, reply.Code, conn.Close()
	}
	if len(passed) > 0 {
		c.terminal = passed[0]
	}
	return c, 0, nil
}

func (c *call) next() ([]*os.File, shim.Reply, error) {
	var reply shim.Reply
	files, err := shim.Receive(c.conn)
	if err != nil {
		return nil, reply, err
	}
	line, err := readLine(c.conn)
	if err == nil {
		err = json.Unmarshal(line, &reply)
	}
	return files, reply, err
}

// readLine reads no further than one line: what follows may come with files.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	one := make([]byte, 1)
	for len(line) < 1<<20 {
		if _, err := r.Read(one); err != nil {
			return nil, err
		}
		if one[0] == '\n' {
			return line, nil
		}
		line = append(line, one[0])
	}
	return nil, errors.New("a reply without end")
}

// end waits for the command. When ctx ends first it is hung up, and gone when
// this returns.
func (c *call) end(ctx context.Context) (int, error) {
	defer func() { _ = c.conn.Close() }()
	stop := context.AfterFunc(ctx, func() {
		_ = c.conn.CloseWrite()
		_ = c.conn.SetReadDeadline(time.Now().Add(hangUpWait))
	})
	defer stop()
	_, reply, err := c.next()
	switch {
	case ctx.Err() != nil && err == nil:
		return reply.Code, ctx.Err()
	case err != nil:
		return 0, fmt.Errorf("what it ran beside has ended: %w", err)
	case reply.Error != "":
		return reply.Code, errors.New(reply.Error)
	}
	return reply.Code, nil
}

func piped(ctx context.Context, dir string, r shim.Request, x platform.Exec) (int, error) {
	var theirs, ours []*os.File
	defer func() {
		for _, f := range append(theirs, ours...) {
			_ = f.Close()
		}
	}()
	for i := range 3 {
		read, write, err := os.Pipe()
		if err != nil {
			return 0, err
		}
		if i == 0 {
			theirs, ours = append(theirs, read), append(ours, write)
		} else {
			theirs, ours = append(theirs, write), append(ours, read)
		}
	}
	c, code, err := begin(ctx, dir, r, x.Stderr, theirs...)
	if c == nil {
		return code, err
	}
	for _, f := range theirs {
		_ = f.Close()
	}
	go func() {
		if x.Stdin != nil {
			_, _ = io.Copy(ours[0], x.Stdin)
		}
		_ = ours[0].Close()
	}()
	var output sync.WaitGroup
	for i, w := range []io.Writer{x.Stdout, x.Stderr} {
		if w == nil {
			w = io.Discard
		}
		output.Go(func() { _, _ = io.Copy(w, ours[i+1]) })
	}
	code, err = c.end(ctx)
	drained(&output, func() { _, _ = ours[1].Close(), ours[2].Close() })
	return code, err
}

func terminal(ctx context.Context, dir string, r shim.Request, x platform.Exec) (int, error) {
	c, code, err := begin(ctx, dir, r, x.Stdout)
	if c == nil {
		return code, err
	}
	defer func() { _ = c.terminal.Close() }()
	var output sync.WaitGroup
	output.Go(func() { _, _ = io.Copy(x.Stdout, c.terminal) }) // ends with EIO when the last user of the terminal is gone
	if x.Stdin != nil {
		go func() { _, _ = io.Copy(c.terminal, x.Stdin) }()
	}
	done := make(chan struct{})
	var resizing sync.WaitGroup
	resizing.Go(func() {
		for {
			select {
			case size, ok := <-x.Resize:
				if !ok {
					return
				}
				_ = pty.Setsize(c.terminal, &pty.Winsize{Rows: size.Rows, Cols: size.Cols})
			case <-done:
				return
			}
		}
	})
	code, err = c.end(ctx)
	close(done)
	resizing.Wait() // no size is set on a number that somebody else may have by now
	drained(&output, func() { _ = c.terminal.Close() })
	return code, err
}

// drained waits for the output's end; what still holds it open is not the
// command's.
func drained(output *sync.WaitGroup, cut func()) {
	ended := make(chan struct{})
	go func() { output.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(outputWait):
		cut()
	}
	<-ended
}
