package doctor

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespaces tries what an ordinary user's environments are kept apart by.
func namespaces(ctx context.Context) []Check {
	cmd := exec.CommandContext(ctx, "/bin/true")
	cmd.SysProcAttr = unprivileged()
	if err := cmd.Run(); err != nil {
		return warn("user namespaces", "an ordinary user may not make them: "+err.Error(),
			"sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000 kernel.apparmor_restrict_unprivileged_userns=0, or run the server as root")
	}
	return ok("user namespaces", "an ordinary user may make them")
}

// unprivileged starts a process in namespaces that its user makes.
func unprivileged() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
}

// adrift is whether the kernel knows that nothing keeps its clock right
// (adjtimex(2)).
func adrift() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state == unix.TIME_ERROR
}
