//go:build linux

package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"offshoot/internal/platform/process/shim"
)

// startShim has a shim begin at once.
func (d *Driver) startShim(ctx context.Context, owner, dir string, config shim.Config) error {
	w, err := d.sendShim(ctx, owner, dir, config)
	if err != nil {
		return err
	}
	return w.pipe.Close()
}

// sendShim writes down who the shim is before it is told what to do. On an
// error its pipe is closed, and with that it ends.
func (d *Driver) sendShim(ctx context.Context, owner, dir string, config shim.Config) (w *waiting, err error) {
	for _, name := range []string{shim.ExitFile, shim.StatusFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = write.Close()
		}
	}()
	attr := &syscall.SysProcAttr{Setsid: true, Cloneflags: d.cloneFlags()}
	if d.shape == ShapeUser {
		// Its own user and no other: a mapping to root would make servers
		// refuse to start. What the view needs is given on through the exec.
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE, unix.CAP_KILL, unix.CAP_SETPCAP, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER}
	}
	cmd, err := d.bear(attr, &config, read)
	_ = read.Close()
	if err != nil {
		return nil, fmt.Errorf("start the shim: %w", err)
	}
	d.follow(dir)
	gone := make(chan struct{})
	// Reaped here; how it ended is in its records.
	go func() {
		_ = cmd.Wait()
		close(gone)
		d.ended(owner)
	}()
	start, err := identify(cmd.Process.Pid)
	if err != nil {
		return nil, fmt.Errorf("the shim ended at once: %w", err)
	}
	remember := writeFile // that a task began, for ever
	if config.Restart {
		remember = writeBrief
	}
	if err := remember(filepath.Join(dir, identityFile), identity{cmd.Process.Pid, start, d.boot}); err != nil {
		return nil, err
	}
	if config.Wait {
		if err := writeBrief(filepath.Join(dir, shim.StatusFile), shim.Status{Run: runWaiting}); err != nil {
			return nil, err
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = write.SetWriteDeadline(deadline)
	}
	if err := json.NewEncoder(write).Encode(config); err != nil {
		return nil, fmt.Errorf("instruct the shim: %w", err)
	}
	return &waiting{pipe: write, ended: gone}, nil
}

// bear starts a shim, within its cgroup where the kernel can do that (since
// Linux 5.7); elsewhere it has to join.
func (d *Driver) bear(attr *syscall.SysProcAttr, config *shim.Config, read *os.File) (*exec.Cmd, error) {
	start := func() (*exec.Cmd, error) {
		// The shim has little to do: a runtime for one processor weighs a sixth less.
		cmd := &exec.Cmd{Path: d.program(), Args: []string{shim.Name}, Dir: "/", Env: []string{"GOMAXPROCS=1"}, ExtraFiles: []*os.File{read}, SysProcAttr: attr}
		return cmd, withSlack(cmd.Start)
	}
	if config.Unified == "" {
		return start()
	}
	group, err := os.Open(config.Unified)
	if err != nil {
		return nil, err
	}
	defer func() { _ = group.Close() }()
	attr.UseCgroupFD, attr.CgroupFD = true, int(group.Fd())
	if cmd, err := start(); err == nil {
		config.Unified = ""
		return cmd, nil
	}
	attr.UseCgroupFD = false
	return start()
}
