//go:build linux

package process

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// shimSlackNS is how late the kernel may wake a shim's threads, in nanoseconds.
// A Go program has one that looks after the others, at first every 20 us: four
// such programs that wake an environment took a tenth of the processors from it
// (docs/PERFORMANCE.md). Nothing that a shim waits for is shorter.
const shimSlackNS = 1_000_000

// withSlack runs start, which forks on the thread that calls it: a child and all
// its threads begin with the slack of that one (prctl(2), PR_SET_TIMERSLACK).
func withSlack(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if unix.Prctl(unix.PR_SET_TIMERSLACK, shimSlackNS, 0, 0, 0) == nil {
		defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }() // 0: back to its own
	}
	return start()
}
