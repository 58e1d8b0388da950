//go:build linux

package shim

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// killed tells whether the kernel killed for want of memory, by the count that
// a cgroup keeps: oom_kill in memory.oom_control (v1) and memory.events (v2),
// cgroups(7).
type killed struct {
	file   *os.File
	limit  int64
	before int
}

func (k *killed) begin() { k.before = k.count() }

func (k *killed) count() int {
	if k.file == nil {
		return 0
	}
	text := make([]byte, 4096)
	n, _ := k.file.ReadAt(text, 0) // ends with EOF
	for line := range strings.Lines(string(text[:n])) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name == "oom_kill" {
			count, _ := strconv.Atoi(value)
			return count
		}
	}
	return 0
}

// explain adds the want of memory to how a run ended.
func (k *killed) explain(e Exit) Exit {
	if k.count() <= k.before {
		return e
	}
	reason := "killed: out of memory"
	if k.limit > 0 {
		reason += fmt.Sprintf(" (limit %d MB)", k.limit>>20)
	}
	if e.Code != 128+9 {
		reason = e.Reason + " after a process of it was " + reason
	}
	e.Reason, e.Ending = reason, "memory"
	return e
}
