package wiring

import (
	"fmt"
	"os"
	"slices"
	"strconv"
)

// sysmonSlackNS is how late the kernel may wake the thread that watches over
// all others, in nanoseconds. It looks every 20 us while anything happens, each
// time taking a processor from a server that starts: a tenth of a wake. What it
// does is never more urgent than this.
const sysmonSlackNS = 1_000_000

// calmSysmon lets the runtime's watch sleep less exactly (proc_pid_timerslack_ns(5)).
// It is the first thread that a Go program starts (runtime.main), so the lowest
// number but the process's own. Where that may not be written, or numbers have
// begun anew, nothing is lost but that.
func calmSysmon() {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	var threads []int
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil && id != os.Getpid() {
			threads = append(threads, id)
		}
	}
	if len(threads) > 0 {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/timerslack_ns", slices.Min(threads)), []byte(strconv.Itoa(sysmonSlackNS)), 0)
	}
}
