package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Exec implements platform.Attacher in the sandbox of a running workload or
// task.
func (d *Driver) Exec(ctx context.Context, x platform.Exec) (int, error) {
	kind := staging.ResourceWorkload
	ref := platform.Ref{Kind: kind, Name: x.In, Owner: x.Owner}
	if d.check(ref) != nil {
		ref.Kind = staging.ResourceTask
	}
	if err := d.check(ref); err != nil {
		return 0, err
	}
	var id identity
	if err := readFile(filepath.Join(d.file(ref), identityFile), &id); err != nil {
		return 0, fmt.Errorf("%s: %w", x.In, err)
	}
	u, err := d.users(x.Owner)
	if err != nil {
		return 0, err
	}
	w, ok := d.watch(id)
	if !ok {
		return 0, staging.Refused("offshoot logs tells why", "%s does not run", x.In)
	}
	defer w.close()
	cmd := command(x, u.Service)
	procs := d.cgroups.procs(filepath.Join(x.Owner, instanceGroup(x.In)))
	if x.TTY {
		return d.terminal(ctx, id, cmd, procs, x)
	}
	return d.piped(ctx, id, cmd, procs, x)
}

// command resolves the program inside, where its PATH counts.
func command(x platform.Exec, uid int) *exec.Cmd {
	args := []string{"sh", "-c", `exec "$@"`, "sh"}
	if x.Command.Shell != "" {
		args = []string{"sh", "-c", x.Command.Shell}
	} else {
		args = append(args, x.Command.Args...)
	}
	dir := "/app"
	if x.Spec != nil && x.Spec.Dir != "" {
		dir = x.Spec.Dir
	}
	return &exec.Cmd{Path: "/bin/sh", Args: args, Dir: dir, Env: environ(x.Env),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid), Groups: []uint32{}}}}
}

// start runs the command in the namespaces of a shim. The thread that entered
// them is thrown away: it can never come back.
func (d *Driver) start(id identity, cmd *exec.Cmd, procs []string) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		result <- func() error {
			fd, err := unix.PidfdOpen(id.PID, 0)
			if err != nil {
				return err
			}
			defer func() { _ = unix.Close(fd) }()
			if !d.alive(id) {
				return errors.New("it has just ended")
			}
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return err
			}
			if err := unix.Setns(fd, unix.CLONE_NEWNS|unix.CLONE_NEWPID|unix.CLONE_NEWIPC); err != nil {
				return fmt.Errorf("enter the sandbox: %w", err)
			}
			return cmd.Start()
		}()
	}()
	if err := <-result; err != nil {
		return err
	}
	for _, file := range procs {
		_ = os.WriteFile(file, []byte(strconv.Itoa(cmd.Process.Pid)), 0) // it may have ended already
	}
	return nil
}

func (d *Driver) piped(ctx context.Context, id identity, cmd *exec.Cmd, procs []string, x platform.Exec) (int, error) {
	cmd.Stdout, cmd.Stderr = x.Stdout, x.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := d.start(id, cmd, procs); err != nil {
		return 0, err
	}
	go func() {
		if x.Stdin != nil {
			_, _ = io.Copy(stdin, x.Stdin)
		}
		_ = stdin.Close()
	}()
	defer hangUp(ctx, cmd)()
	return exitCode(cmd.Wait())
}

func (d *Driver) terminal(ctx context.Context, id identity, cmd *exec.Cmd, procs []string, x platform.Exec) (int, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return 0, fmt.Errorf("terminal: %w", err)
	}
	defer func() { _ = master.Close() }()
	_ = pty.Setsize(master, &pty.Winsize{Rows: x.Size.Rows, Cols: x.Size.Cols})
	if err := slave.Chown(int(cmd.SysProcAttr.Credential.Uid), -1); err != nil {
		return 0, errors.Join(err, slave.Close())
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setctty = true
	err = d.start(id, cmd, procs)
	_ = slave.Close()
	if err != nil {
		return 0, err
	}
	defer hangUp(ctx, cmd)()
	var output sync.WaitGroup
	output.Go(func() { _, _ = io.Copy(x.Stdout, master) }) // ends with EIO when the last user of the terminal is gone
	go func() { _, _ = io.Copy(master, x.Stdin) }()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case size := <-x.Resize:
				_ = pty.Setsize(master, &pty.Winsize{Rows: size.Rows, Cols: size.Cols})
			case <-done:
				return
			}
		}
	}()
	code, err := exitCode(cmd.Wait())
	drained := make(chan struct{})
	go func() { output.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-time.After(200 * time.Millisecond): // something it left behind holds the terminal
	}
	return code, err
}

// hangUp ends the command's session when ctx ends before it.
func hangUp(ctx context.Context, cmd *exec.Cmd) func() {
	stop := context.AfterFunc(ctx, func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGHUP)
		time.AfterFunc(2*time.Second, func() { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
	})
	return func() { stop() }
}

func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// procs are the files by which a process joins an instance's groups.
func (c cgroups) procs(path string) []string {
	var files []string
	for _, dir := range c.folders {
		files = append(files, filepath.Join(dir, "offshoot", path, "cgroup.procs"))
	}
	return files
}
