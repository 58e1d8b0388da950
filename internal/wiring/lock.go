package wiring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"offshoot/internal/staging"
)

// lastWait is how long the lock of a server that is gone may last: a process
// that it was starting when it was killed holds it until it executes something,
// which on a busy host waits for a processor.
const lastWait = 30 * time.Second

// lock lets one server at a time use a folder, and names the other's process.
func lock(dir string) (func(), error) {
	path := filepath.Join(dir, "server.lock")
	l := flock.New(path, flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	pid, _ := os.ReadFile(path + ".pid")
	if err == nil && !ok && !lives(pid) {
		ctx, cancel := context.WithTimeout(context.Background(), lastWait)
		defer cancel()
		if ok, err = l.TryLockContext(ctx, 5*time.Millisecond); errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if !ok {
		first := strings.TrimSpace(string(pid))
		return nil, staging.Errorf(staging.CodeInternal, "end it first, with Ctrl-C where it runs or kill "+first+"; or give this one a data folder of its own",
			"another server uses %s (process %s)", dir, first)
	}
	if err := os.WriteFile(path+".pid", []byte(fmt.Sprintln(os.Getpid())), 0o600); err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return func() { _ = l.Unlock() }, nil
}

// lives is whether a process of that number is there, ours or not.
func lives(pid []byte) bool {
	n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	return err == nil && n > 0 && !errors.Is(syscall.Kill(n, 0), syscall.ESRCH)
}
