package docker

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"
)

// deaf is whether a container's first process would never hear a signal: the
// kernel gives that of a PID namespace none which it neither catches, holds back
// nor ignores on purpose (pid_namespaces(7)). Where its process cannot be seen
// from here it counts as one that hears.
func (d *Driver) deaf(c container.InspectResponse, signal string) bool {
	n := unix.SignalNum(signal)
	if c.State.Pid <= 0 || n <= 0 || n == unix.SIGKILL {
		return false
	}
	proc := "/proc/" + strconv.Itoa(c.State.Pid)
	// Its number may be another's by now, or one of an engine's own namespace.
	group, err := os.ReadFile(proc + "/cgroup")
	if err != nil || !strings.Contains(string(group), c.ID) {
		return false
	}
	status, err := os.ReadFile(proc + "/status")
	return err == nil && !hears(status, n)
}

// hears reads the state of a process as proc_pid_status(5) writes it.
func hears(status []byte, signal unix.Signal) bool {
	seen := 0
	for line := range bytes.Lines(status) {
		field, rest, _ := bytes.Cut(line, []byte(":"))
		switch string(field) {
		case "SigBlk", "SigIgn", "SigCgt":
			set, err := strconv.ParseUint(string(bytes.TrimSpace(rest)), 16, 64)
			if err != nil || set&(1<<(signal-1)) != 0 {
				return true
			}
			seen++
		}
	}
	return seen != 3
}
