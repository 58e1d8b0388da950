package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// hangUpWait is how long what was hung up may take to end by itself.
	hangUpWait = time.Second
	// endWait bounds ending it in any case.
	endWait = 10 * time.Second
)

// hangUp ends a command and all that it started. The engine has no call for
// that: its processes are found by their mark.
func (d *Driver) hangUp(ctx context.Context, mark string) error {
	begin, signal := time.Now(), unix.SIGHUP
	for backoff := time.Millisecond; ; backoff = min(2*backoff, 50*time.Millisecond) {
		left, err := signalMarked(mark, signal)
		if err != nil || left == 0 {
			return err
		}
		if time.Since(begin) > endWait {
			return fmt.Errorf("%d processes of a command do not end", left)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backoff):
		}
		signal = 0 // only to see who is left
		if time.Since(begin) > hangUpWait {
			signal = unix.SIGKILL
		}
	}
}

// signalMarked signals all who have a mark that begins so in their environment, and
// says how many there were.
func signalMarked(mark string, signal unix.Signal) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	want := []byte(markVariable + "=" + mark)
	found := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// Held before it is looked at: its number may be another's a moment later.
		handle, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		env, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && bytes.Contains(env, want) {
			found++
			if err := unix.PidfdSendSignal(handle, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
				return found, errors.Join(err, unix.Close(handle))
			}
		}
		if err := unix.Close(handle); err != nil {
			return found, err
		}
	}
	return found, nil
}
