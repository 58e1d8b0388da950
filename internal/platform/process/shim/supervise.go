package shim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 30 * time.Second
	// steady is how long a run must last to count as a success.
	steady = 20 * time.Second
	// loopAfter is the number of quick crashes in a row that make a loop.
	loopAfter = 4
	// drain is how long the end of the output is waited for once the command
	// has ended and what it left behind was asked to go.
	drain = 200 * time.Millisecond
)

// supervisor runs the command, once or again and again.
type supervisor struct {
	c     Config
	state *state
	stop  <-chan os.Signal
	ended chan ended
	reap  chan struct{}
}

type ended struct {
	pid    int
	status syscall.WaitStatus
}

func newSupervisor(c Config, s *state, stop <-chan os.Signal) *supervisor {
	v := &supervisor{c: c, state: s, stop: stop, ended: make(chan ended, 16), reap: make(chan struct{}, 1)}
	go v.reaper()
	return v
}

// reaper collects every child, as PID 1 must: those of the command that lost
// their parent come here too.
func (v *supervisor) reaper() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			<-v.reap // no child: wait for the next start
		default:
			v.ended <- ended{pid, status}
		}
	}
}

func (v *supervisor) run() int {
	status := Status{}
	crashes := 0
	for {
		status.Run, status.StartedAt = "running", time.Now().UTC()
		if crashes >= loopAfter {
			status.Run = "failing"
		}
		exit, stopped := v.once(&status)
		if stopped || !v.c.Restart {
			v.state.exit(exit)
			return exit.Code
		}
		crashes++
		if time.Since(status.StartedAt) > steady {
			crashes = 0
		}
		wait := min(firstBackoff<<min(crashes, 10), maxBackoff)
		v.state.remark(fmt.Sprintf("ended with %d (%s), starts again in %s", exit.Code, exit.Reason, wait))
		status.Run, status.Last = "restarting", &exit
		if crashes >= loopAfter {
			status.Run = "failing"
		}
		status.Restarts++
		v.state.status(status)
		if v.interrupted(wait) {
			v.state.exit(exit)
			return exit.Code
		}
	}
}

func (v *supervisor) interrupted(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-v.stop:
			return true
		case <-timer.C:
			return false
		case <-v.ended: // an orphan
		}
	}
}

// once runs the command to its end. stopped is whether that was asked for.
func (v *supervisor) once(status *Status) (exit Exit, stopped bool) {
	var pumps sync.WaitGroup
	pid, closeInput, err := v.start(&pumps)
	if err != nil {
		v.state.remark(err.Error())
		return Exit{Code: CodeNotStarted, At: time.Now().UTC(), Reason: err.Error()}, false
	}
	v.state.status(*status)
	exit, stopped = v.await(pid)
	v.clear(&pumps)
	closeInput()
	return exit, stopped
}

func (v *supervisor) start(pumps *sync.WaitGroup) (pid int, done func(), err error) {
	path, err := lookPath(v.c.Command[0], v.c.Dir, v.c.Env)
	if err != nil {
		return 0, nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = null.Close() }()
	files := []*os.File{null}
	var readers []*os.File
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			return 0, nil, err
		}
		defer func() { _ = w.Close() }()
		readers, files = append(readers, r), append(files, w)
	}
	attr := &os.ProcAttr{Dir: v.c.Dir, Env: v.c.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true,
		Credential: &syscall.Credential{Uid: uint32(v.c.UID), Gid: uint32(v.c.GID), Groups: []uint32{}}}}
	p, err := os.StartProcess(path, v.c.Command, attr)
	if err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", v.c.Command[0], err)
	}
	select {
	case v.reap <- struct{}{}:
	default:
	}
	for i, stream := range []byte{'o', 'e'} {
		pumps.Go(func() { v.pump(stream, readers[i]) })
	}
	return p.Pid, func() {
		for _, r := range readers {
			_ = r.Close()
		}
	}, nil
}

func (v *supervisor) await(pid int) (exit Exit, stopped bool) {
	var limit, grace <-chan time.Time
	if v.c.Timeout > 0 {
		limit = time.After(v.c.Timeout)
	}
	late := false
	ask := func() {
		_ = syscall.Kill(-pid, syscall.Signal(v.c.StopSignal))
		grace = time.After(v.c.Grace)
	}
	for {
		select {
		case e := <-v.ended:
			if e.pid != pid {
				continue
			}
			exit = describe(e.status)
			if late {
				exit.Code, exit.Reason = CodeTimeout, "ran longer than "+v.c.Timeout.String()
			}
			return exit, stopped || late
		case <-v.stop:
			stopped = true
			ask()
		case <-limit:
			late = true
			ask()
		case <-grace:
			_ = syscall.Kill(-1, syscall.SIGKILL)
		}
	}
}

// clear ends what the command left behind: no run sees processes of the one
// before.
func (v *supervisor) clear(pumps *sync.WaitGroup) {
	quiet := make(chan struct{})
	go func() { pumps.Wait(); close(quiet) }()
	_ = syscall.Kill(-1, syscall.SIGTERM)
	select {
	case <-quiet:
	case <-time.After(drain):
	}
	_ = syscall.Kill(-1, syscall.SIGKILL)
	<-quiet
}

// pump keeps a stream's lines. A line that is too long is kept in pieces.
func (v *supervisor) pump(stream byte, from io.Reader) {
	r := bufio.NewReaderSize(from, MaxLine)
	for {
		text, _, err := r.ReadLine()
		if err != nil {
			return
		}
		v.state.line(stream, text)
	}
}

func describe(s syscall.WaitStatus) Exit {
	e := Exit{At: time.Now().UTC()}
	if s.Signaled() {
		e.Code = 128 + int(s.Signal())
		e.Reason = "killed by " + s.Signal().String()
		return e
	}
	e.Code = s.ExitStatus()
	e.Reason = fmt.Sprintf("exited with %d", e.Code)
	return e
}

// lookPath finds a program by the command's own PATH, not the shim's.
func lookPath(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, kv := range env {
		if p, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = p
		}
	}
	for _, folder := range strings.Split(path, ":") {
		if folder == "" {
			folder = "."
		}
		if !strings.HasPrefix(folder, "/") {
			folder = dir + "/" + folder
		}
		candidate := folder + "/" + name
		if info, err := os.Stat(candidate); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("start %s: %w (PATH is %s)", name, exec.ErrNotFound, path)
}
