package wiring

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestWorkloadsInheritNoFilesOfTheServer(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil { // as a shell leaves one: without close-on-exec
		t.Fatal(err)
	}
	keepInherited()
	for _, fd := range pipe {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("a child would have file %d: %v", fd, err)
		}
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	}
}
