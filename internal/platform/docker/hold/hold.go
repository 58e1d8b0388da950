// Package hold is this program as it runs in a container that does nothing
// itself, or nothing yet: some images hold no program that could wait.
package hold

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// Path is where the program is seen inside.
const Path = "/offshoot-hold"

// Main returns at once unless the process is one that holds a container. As its
// PID 1 it waits for what lost its parent there (pid_namespaces(7)), until it is
// told to end.
func Main() {
	if len(os.Args) == 0 || filepath.Base(os.Args[0]) != filepath.Base(Path) {
		return
	}
	if len(os.Args) > 1 {
		pass(os.Args[1:])
	}
	told := make(chan os.Signal, 8)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for s := range told {
		if s != syscall.SIGCHLD {
			os.Exit(0)
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
