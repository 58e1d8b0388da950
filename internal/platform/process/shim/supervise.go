//go:build linux

package shim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
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
	c        Config
	state    *state
	stop     <-chan os.Signal
	children *children
	killed   *killed
	pauses   pauses
}

func newSupervisor(c Config, s *state, stop <-chan os.Signal, file *os.File) *supervisor {
	return &supervisor{c: c, state: s, stop: stop, children: newChildren(), killed: &killed{file: file, limit: c.Memory}}
}

// everything is all that is the workload's.
func (v *supervisor) everything() family {
	if v.c.View != nil {
		return family{all: true}
	}
	return family{mark: MarkerVariable + "=" + v.c.Marker, below: os.Getpid()}
}

// marked is an environment with the workload's marker.
func (v *supervisor) marked(env []string) []string {
	if v.c.Marker == "" {
		return slices.Clone(env)
	}
	return append(slices.Clone(env), MarkerVariable+"="+v.c.Marker)
}

// credential is who a command runs as, in a session of its own. Where nothing
// else would take it along it dies with the shim.
func (v *supervisor) credential() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if v.c.UID != OwnUser {
		attr.Credential = &syscall.Credential{Uid: uint32(v.c.UID), Gid: uint32(v.c.GID), Groups: []uint32{}}
	}
	if v.c.View == nil {
		attr.Pdeathsig = syscall.SIGKILL
	}
	return attr
}

func (v *supervisor) run() int {
	status := Status{}
	crashes := 0
	// Without this file nothing was begun: whoever finds none may begin.
	v.state.status(Status{Run: "starting"})
	for {
		status.Run, status.StartedAt = "running", time.Now().UTC()
		if crashes >= loopAfter {
			status.Run = "failing"
		}
		exit, stopped := v.once(&status)
		if stopped || !v.c.Restart || v.c.Once && exit.Code == 0 {
			v.state.exit(exit)
			return exit.Code
		}
		crashes++
		if time.Since(status.StartedAt) > steady {
			crashes = 1
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
	select {
	case <-v.stop:
		return true
	case <-timer.C:
		return false
	}
}

// once runs the command to its end. stopped is whether that was asked for.
func (v *supervisor) once(status *Status) (exit Exit, stopped bool) {
	var pumps sync.WaitGroup
	v.killed.begin()
	pid, end, closeInput, err := v.start(&pumps)
	if err != nil {
		v.state.remark(err.Error())
		return Exit{Code: notStarted(err), At: time.Now().UTC(), Reason: err.Error()}, false
	}
	v.state.status(*status)
	exit, stopped = v.await(pid, end, status)
	if !stopped && v.c.Restart && exit.Code == 0 {
		v.remarkLeft(&exit)
	}
	v.clear(&pumps, closeInput)
	return exit, stopped
}

func (v *supervisor) start(pumps *sync.WaitGroup) (pid int, end <-chan syscall.WaitStatus, done func(), err error) {
	path, err := lookPath(v.c.Command, v.c.Dir, v.c.Env)
	if err != nil {
		return 0, nil, nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = null.Close() }()
	files := []*os.File{null}
	var readers []*os.File
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			return 0, nil, nil, err
		}
		defer func() { _ = w.Close() }()
		readers, files = append(readers, r), append(files, w)
	}
	if v.c.View != nil {
		scatter()
	}
	pid, end, err = v.children.start(command{path: path, args: v.c.Command, dir: v.c.Dir, env: v.marked(v.c.Env), files: files, sys: v.credential()})
	if err != nil {
		return 0, nil, nil, fmt.Errorf("start %s: %w", v.c.Command[0], err)
	}
	// Where memory ends, the command goes before the one that reports it.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("500"), 0)
	for i, stream := range []byte{'o', 'e'} {
		pumps.Go(func() { v.pump(stream, readers[i]) })
	}
	return pid, end, func() {
		for _, r := range readers {
			_ = r.Close()
		}
	}, nil
}

// scatter lets process numbers go on from a random one. A server that was cut
// off leaves its number in a file, and where every namespace counts from 1 the
// next one would find it alive: as a thread of ours, say.
func scatter() {
	// A kernel without checkpoints has no such file (proc(5)): then it may be so.
	_ = os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(1000+rand.IntN(29_000))), 0)
}

func (v *supervisor) await(pid int, end <-chan syscall.WaitStatus, status *Status) (exit Exit, stopped bool) {
	var limit, grace, settled <-chan time.Time
	if v.c.Timeout > 0 {
		limit = time.After(v.c.Timeout)
	}
	if status.Run == "failing" {
		settled = time.After(steady)
	}
	beat, stopBeat := v.beat()
	defer stopBeat()
	late := false
	ask := func(how os.Signal) {
		end := syscall.Signal(v.c.StopSignal)
		if how == Discard && v.c.DiscardSignal != 0 {
			end = syscall.Signal(v.c.DiscardSignal)
		}
		_ = syscall.Kill(-pid, end)
		_ = syscall.Kill(-pid, syscall.SIGCONT)
		grace = time.After(v.c.Grace)
	}
	for {
		select {
		case s := <-end:
			exit = v.killed.explain(describe(s))
			if late {
				exit.Code, exit.Reason, exit.Ending = CodeTimeout, "ran longer than "+v.c.Timeout.String(), "time"
			}
			return exit, stopped || late
		case how := <-v.stop:
			stopped = true
			ask(how)
		case <-limit:
			late = true
			ask(syscall.SIGTERM)
		case <-grace:
			_ = v.everything().end()
		case <-settled:
			status.Run = "running"
			v.state.status(*status)
		case now := <-beat:
			v.state.still(v.c.Still, now.Sub(status.StartedAt), v.c.Heartbeat)
		}
	}
}

// remarkLeft says of a service that it went to the background, where it is
// not looked for: with its first process it is over.
func (v *supervisor) remarkLeft(exit *Exit) {
	if left, err := v.everything().members(); err == nil && len(left) > 0 {
		exit.Reason += fmt.Sprintf(", and left %d behind in the background, which ended with it", len(left))
	}
}

// beat ticks where silence is to be remarked.
func (v *supervisor) beat() (<-chan time.Time, func()) {
	if v.c.Heartbeat <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(v.c.Heartbeat / 10)
	return t.C, t.Stop
}

// lastOutput bounds waiting for the end of the output of what is gone.
const lastOutput = 2 * time.Second

// clear ends what the command left behind: no run sees processes of the one
// before.
func (v *supervisor) clear(pumps *sync.WaitGroup, closeInput func()) {
	quiet := make(chan struct{})
	go func() { pumps.Wait(); close(quiet) }()
	all := v.everything()
	all.signal(syscall.SIGTERM)
	select {
	case <-quiet:
	case <-time.After(drain):
	}
	if err := all.end(); err != nil {
		v.state.remark("what the command left behind: " + err.Error())
	}
	select {
	case <-quiet:
	case <-time.After(lastOutput): // held by what is not ours to end
	}
	closeInput()
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
func lookPath(command []string, dir string, env []string) (string, error) {
	if len(command) == 0 {
		return "", errors.New("there is no command")
	}
	name := command[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, kv := range env {
		if p, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = p
		}
	}
	folders := strings.Split(path, ":")
	for i, folder := range folders {
		folders[i] = HideHome(folder)
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
	return "", fmt.Errorf("start %s: %w (PATH is %s)", name, exec.ErrNotFound, strings.Join(folders, ":"))
}
