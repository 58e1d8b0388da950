//go:build linux

package shim

import (
	"errors"
	"os"
	"sync"
	"syscall"
)

// children are the processes that were started here, and those that came here
// when they lost their parent.
type children struct {
	// spawn is served by the one thread that may start processes.
	spawn chan func()

	mu    sync.Mutex
	known map[int]chan syscall.WaitStatus
	more  chan struct{}
}

func newChildren() *children {
	c := &children{spawn: make(chan func()), known: map[int]chan syscall.WaitStatus{}, more: make(chan struct{}, 1)}
	go c.reap()
	return c
}

// command is what is to be started, files its first descriptors, the caller's
// to close.
type command struct {
	path  string
	args  []string
	dir   string
	env   []string
	files []*os.File
	sys   *syscall.SysProcAttr
}

// start answers the new process and where its end will be told.
func (c *children) start(what command) (pid int, end <-chan syscall.WaitStatus, err error) {
	attr := &syscall.ProcAttr{Dir: what.dir, Env: what.env, Sys: what.sys}
	for _, f := range what.files {
		attr.Files = append(attr.Files, f.Fd())
	}
	done := make(chan struct{})
	c.spawn <- func() {
		defer close(done)
		// Held until it is known: it may have ended before.
		c.mu.Lock()
		defer c.mu.Unlock()
		// Not os.StartProcess, which first tries with a child of its own whether
		// the kernel has what is not needed here.
		pid, err = syscall.ForkExec(what.path, what.args, attr)
		if errors.Is(err, syscall.ENOEXEC) { // a script that names no interpreter (execvp(3))
			pid, err = syscall.ForkExec("/bin/sh", append([]string{"sh", what.path}, what.args[1:]...), attr)
		}
		if err != nil {
			return
		}
		told := make(chan syscall.WaitStatus, 1)
		end, c.known[pid] = told, told
	}
	<-done
	select {
	case c.more <- struct{}{}:
	default:
	}
	return pid, end, err
}

// reap collects every child, as PID 1 and a subreaper must.
func (c *children) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			<-c.more // no child: wait for the next start
		default:
			c.mu.Lock()
			if told := c.known[pid]; told != nil {
				told <- status
				delete(c.known, pid)
			}
			c.mu.Unlock()
		}
	}
}
