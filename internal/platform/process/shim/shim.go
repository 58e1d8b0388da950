//go:build linux

package shim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Name is argv[0] under which the program acts as the shim.
const Name = "offshoot-shim"

// configFD is where the driver writes the Config: a pipe, since the
// environment in it holds secrets. A pipe that ends early means that the
// driver is gone and nothing is to be started.
const configFD = 3

// timerSlackNS is the kernel's default (prctl(2), PR_SET_TIMERSLACK).
const timerSlackNS = 50_000

// OwnUser as a Config's UID leaves the command under the shim's own user.
const OwnUser = -1

// Config is everything that a shim is told. It never touches a disk.
type Config struct {
	Command []string `json:"command"`
	Dir     string   `json:"dir"`
	Env     []string `json:"env"`
	UID     int      `json:"uid"`
	GID     int      `json:"gid"`
	// State is the folder of the instance on the host: log segments, records.
	State string `json:"state"`
	// View is what the command sees; nil where the host has no namespaces and
	// it sees what the shim's user sees.
	View *View `json:"view,omitempty"`
	// Marker is the value of MarkerVariable in every process, "" where PID 1's
	// namespace says what belongs together.
	Marker string `json:"marker,omitempty"`
	// Tasks are the files of v1's cgroups by which the thread joins that starts
	// all else, Unified the folder of v2's to join, "" for one born in it.
	Tasks   []string `json:"tasks,omitempty"`
	Unified string   `json:"unified,omitempty"`
	// Killed is the cgroup's file that counts kills for want of memory, Memory
	// the limit in bytes.
	Killed  string `json:"killed,omitempty"`
	Memory  int64  `json:"memory,omitempty"`
	Restart bool   `json:"restart"`
	// Once lets an end with code 0 be for good all the same.
	Once    bool          `json:"once,omitempty"`
	Timeout time.Duration `json:"timeout"`
	// Heartbeat is after which silence a remark says that it is Still at it, 0
	// for never.
	Heartbeat time.Duration `json:"heartbeat,omitempty"`
	Still     string        `json:"still,omitempty"`
	// Wait is whether the command is to be started only when Go follows.
	Wait bool `json:"wait,omitempty"`
	// Remarks are the first lines of the log.
	Remarks []string `json:"remarks,omitempty"`
	// StopSignal and Grace say how the command is asked to end, DiscardSignal
	// how where its data goes too.
	StopSignal    int           `json:"stop_signal"`
	DiscardSignal int           `json:"discard_signal,omitempty"`
	Grace         time.Duration `json:"grace"`
}

// Discard asks the shim to end its command with its data; SIGTERM, to let it
// write out first.
const Discard = syscall.SIGUSR2

// Go is what the driver writes after a Config that says Wait.
var Go = []byte("true\n")

// Exit codes of the shim itself, where the command could not be started.
const (
	exitConfig = 120
	exitView   = 121
	exitState  = 122
)

// CodeNotStarted is the exit code recorded for a command that does not exist,
// CodeNotExecutable for one that does but cannot be executed, as shells have
// them (POSIX, Shell Command Language 2.8.2).
const (
	CodeNotStarted    = 127
	CodeNotExecutable = 126
)

// notStarted is the exit code of a command that could not be started.
func notStarted(err error) int {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOEXEC) {
		return CodeNotExecutable
	}
	return CodeNotStarted
}

// CodeTimeout is recorded for what ran longer than its time limit, as GNU
// timeout has it.
const CodeTimeout = 124

// Main acts as the shim and never returns, if the program was started under
// its name; else it does nothing. It must be the first thing in main.
func Main() {
	if len(os.Args) == 0 || os.Args[0] != Name {
		return
	}
	os.Exit(run())
}

func run() int {
	// Threads differ in no_new_privs and in their working directory, and a
	// child dies with the thread that made it where it asked to: all that
	// starts processes runs on this one.
	runtime.LockOSThread()
	// What is started begins with this thread's: not with the shim's own, which
	// sleeps less exactly.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlackNS, 0, 0, 0)
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, Discard)
	// Caught, not ignored: what is ignored stays so in all that is started.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTTOU)
	var c Config
	config := os.NewFile(configFD, "config")
	told := json.NewDecoder(config)
	if err := told.Decode(&c); err != nil {
		return exitConfig
	}
	// In a namespace everything but PID 1 is the workload's: outside of one
	// that would be everything on the host.
	if c.View != nil && os.Getpid() != 1 || c.View == nil && c.Marker == "" {
		return exitConfig
	}
	state, err := openState(c.State)
	if err != nil {
		return exitState
	}
	listener, killed, err := prepare(c)
	if err != nil {
		state.remark("cannot make the closed view: " + err.Error())
		state.exit(Exit{Code: exitView, At: time.Now().UTC(), Reason: err.Error()})
		return exitView
	}
	if begin := false; c.Wait && (told.Decode(&begin) != nil || !begin) {
		return exitConfig // nobody wants it any more
	}
	_ = config.Close()
	for _, text := range c.Remarks {
		state.remark(text)
	}
	v := newSupervisor(c, state, stop, killed)
	go v.serve(listener)
	code := make(chan int, 1)
	go func() { code <- v.run() }()
	for {
		select {
		case f := <-v.children.spawn:
			f()
		case n := <-code:
			return n
		}
	}
}

// prepare opens what lies outside, then closes the view and gives up what
// power the command must not get.
func prepare(c Config) (l *listener, killed *os.File, err error) {
	joins := c.Tasks
	if c.Unified != "" {
		joins = append(joins, filepath.Join(c.Unified, "cgroup.procs"))
	}
	for _, file := range joins {
		if err := os.WriteFile(file, []byte("0"), 0); err != nil {
			return nil, nil, fmt.Errorf("join cgroup: %w", err)
		}
	}
	if c.Killed != "" {
		if killed, err = os.Open(c.Killed); err != nil {
			return nil, nil, fmt.Errorf("memory kills: %w", err)
		}
	}
	if l, err = listen(c.State); err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	if c.View != nil {
		if err := c.View.enter(); err != nil {
			return nil, nil, err
		}
	} else if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, nil, fmt.Errorf("become the one to whom orphans come: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, nil, fmt.Errorf("hide from the service: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, nil, fmt.Errorf("no new privileges: %w", err)
	}
	return l, killed, dropBounds()
}

// dropBounds takes from all that is started here every capability, whatever
// user it runs as. The shim keeps its own until it ends.
func dropBounds() error {
	// Absent before Linux 4.3: then there is nothing to clear.
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil && err != unix.EINVAL {
		return fmt.Errorf("clear ambient capabilities: %w", err)
	}
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		switch err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err {
		case nil, unix.EINVAL: // an older kernel knows fewer
		case unix.EPERM: // an ordinary user has none to give on
			return nil
		default:
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	return nil
}
