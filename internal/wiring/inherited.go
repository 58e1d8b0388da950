package wiring

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// keepInherited keeps files that the server was started with, such as a
// script's lock or log, from everything that it starts in its turn: a workload
// would read them, and hold them for as long as it lives.
func keepInherited() {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return // nothing lists them
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}
