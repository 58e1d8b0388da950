// Package shim is the small program that is PID 1 of every workload's
// namespaces: it makes the closed view, starts the command under its own user,
// keeps what the command writes, starts it again after a crash, and writes
// down how it ended. It takes every descendant along when it goes, and needs
// no server to live.
//
// It is the offshoot binary under another name, so it imports the standard
// library and x/sys alone: what a large package does at start would be paid by
// every workload.
package shim

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
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

// Config is everything that a shim is told. It never touches a disk.
type Config struct {
	Command []string `json:"command"`
	Dir     string   `json:"dir"`
	Env     []string `json:"env"`
	UID     int      `json:"uid"`
	GID     int      `json:"gid"`
	// State is the folder of the instance on the host: log segments, records.
	State string `json:"state"`
	View  View   `json:"view"`
	// Procs are the cgroup.procs files to join.
	Procs   []string      `json:"procs"`
	Restart bool          `json:"restart"`
	Timeout time.Duration `json:"timeout"`
	// StopSignal and Grace say how the command is asked to end.
	StopSignal int           `json:"stop_signal"`
	Grace      time.Duration `json:"grace"`
}

// Exit codes of the shim itself, where the command could not be started.
const (
	exitConfig = 120
	exitView   = 121
	exitState  = 122
)

// CodeNotStarted is the exit code recorded for a command that does not exist
// or cannot be executed, as shells have it.
const CodeNotStarted = 127

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
	// kill(-1) is how descendants are ended: outside a namespace of its own it
	// would end everything on the host.
	if os.Getpid() != 1 {
		return exitConfig
	}
	// Threads differ in no_new_privs and in their working directory; all that
	// starts processes stays on this one.
	runtime.LockOSThread()
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	var c Config
	if err := json.NewDecoder(os.NewFile(configFD, "config")).Decode(&c); err != nil {
		return exitConfig
	}
	_ = unix.Close(configFD)
	state, err := openState(c.State)
	if err != nil {
		return exitState
	}
	if err := prepare(c); err != nil {
		state.remark("cannot make the closed view: " + err.Error())
		state.exit(Exit{Code: exitView, At: time.Now().UTC(), Reason: err.Error()})
		return exitView
	}
	return newSupervisor(c, state, stop).run()
}

func prepare(c Config) error {
	for _, procs := range c.Procs {
		if err := os.WriteFile(procs, []byte("0"), 0); err != nil {
			return fmt.Errorf("join cgroup: %w", err)
		}
	}
	if err := c.View.enter(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hide from the service: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	return nil
}
