//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// identity tells a process from all others that had or will have its number.
type identity struct {
	PID   int    `json:"pid"`
	Start string `json:"start"`
	Boot  string `json:"boot"`
}

// identify reads the start time, field 22 of /proc/PID/stat (proc(5)). The
// state there is of no use: a group of threads may show a dead leader while
// others of it live.
func identify(pid int) (start string, err error) {
	text, err := contents("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	// The name in brackets may hold anything; fields count from its end.
	end := strings.LastIndexByte(string(text), ')')
	fields := strings.Fields(string(text[end+1:]))
	if end < 0 || len(fields) < 20 {
		return "", fmt.Errorf("unexpected /proc/%d/stat", pid)
	}
	return fields[19], nil
}

func (d *Driver) alive(id identity) bool {
	fd, ok := d.hold(id)
	if ok {
		_ = unix.Close(fd)
	}
	return ok
}

// watched is a process held by a pidfd, so that no signal ever meets another
// one of the same number. Waiting for it costs no thread.
type watched struct {
	fd   int
	file *os.File
}

// watch answers false where the process is gone.
func (d *Driver) watch(id identity) (watched, bool) {
	fd, ok := d.hold(id)
	if !ok {
		return watched{}, false
	}
	_ = unix.SetNonblock(fd, true) // else the runtime would not wait for it
	return watched{fd, os.NewFile(uintptr(fd), "pidfd")}, true
}

// hold opens the pidfd of a process that runs.
func (d *Driver) hold(id identity) (fd int, ok bool) {
	if id.PID == 0 || id.Boot != d.boot {
		return -1, false
	}
	fd, err := unix.PidfdOpen(id.PID, 0)
	if err != nil {
		return -1, false
	}
	start, err := identify(id.PID)
	if err != nil || start != id.Start || gone(fd) {
		_ = unix.Close(fd)
		return -1, false
	}
	return fd, true
}

func (w watched) close() { _ = w.file.Close() }

func (w watched) signal(s unix.Signal) error {
	err := unix.PidfdSendSignal(w.fd, s, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// ended blocks until the process is gone, ctx ends or limit has passed.
func (w watched) ended(ctx context.Context, limit time.Duration) bool {
	conn, err := w.file.SyscallConn()
	if err != nil || w.file.SetReadDeadline(time.Now().Add(limit)) != nil {
		return false
	}
	defer context.AfterFunc(ctx, func() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) })()
	end := false
	_ = conn.Read(func(fd uintptr) bool { end = gone(int(fd)); return end }) // at the deadline it is not
	return end
}

// gone is whether every thread of a process has ended: then its pidfd is
// readable (pidfd_open(2)).
func gone(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}
