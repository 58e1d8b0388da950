package hold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// The gate of a container that was started ahead: a folder with a pipe, and, once
// its program may begin, a file that says so.
const (
	GateDir = "/offshoot-gate"
	Pipe    = "pipe"
	Open    = "open"
)

// pass waits at the gate and then becomes the program, in its place as PID 1 with
// all that the engine gave it. Where nobody is left who could open it, it ends. A
// container that is started again finds it open.
func pass(argv []string) {
	if !open() {
		wait()
		if !open() {
			os.Exit(0)
		}
	}
	path, err := exec.LookPath(argv[0])
	if err == nil || errors.Is(err, exec.ErrDot) {
		err = syscall.Exec(path, argv, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.Is(err, fs.ErrPermission) {
		os.Exit(126) // as a shell has it (POSIX, 2.8.2)
	}
	os.Exit(127)
}

func open() bool {
	_, err := os.Lstat(filepath.Join(GateDir, Open))
	return err == nil
}

// wait blocks until a word comes by the pipe, or nobody has its other end.
func wait() {
	f, err := os.OpenFile(filepath.Join(GateDir, Pipe), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	_, _ = f.Read(make([]byte, 1)) // its end says as much
	_ = f.Close()
}
