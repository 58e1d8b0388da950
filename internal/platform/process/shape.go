//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// abilities are what was found out by trying.
type abilities struct {
	shape Shape
	// users is whether environments run under users of their own.
	users bool
	// overlay is whether a checkout can be written to without being copied.
	overlay bool
}

// patience bounds one try, which takes some 20 ms: what takes longer hangs, or
// has no processor to run on.
const patience = 2 * time.Minute

// errSlow is why a try says nothing about what this host can do.
var errSlow = errors.New("it did not end in time")

// settle finds the best shape that works here by starting something in it. A
// wanted one is the only one tried.
func (d *Driver) settle(wanted Shape, limit time.Duration) error {
	if d.full() && d.recall(wanted) {
		return nil
	}
	switch err := d.explore(wanted, limit); {
	case errors.Is(err, errSlow) && d.recall(wanted):
		return nil
	case err != nil:
		return err
	}
	return d.remember(wanted)
}

func (d *Driver) explore(wanted Shape, limit time.Duration) error {
	shapes := []Shape{ShapeRoot, ShapeUser, ShapePlain}
	if wanted != "" {
		if !slices.Contains(shapes, wanted) {
			return staging.Errorf(staging.CodeUsage, "root, userns or plain", "the shape %q of processes", wanted)
		}
		shapes = []Shape{wanted}
	}
	var tried []error
	for _, shape := range shapes {
		if (shape == ShapeUser) == (os.Geteuid() == 0) && shape != ShapePlain {
			tried = append(tried, fmt.Errorf("the shape %s is not for user %d", shape, os.Geteuid()))
			continue
		}
		for _, a := range variants(shape) {
			err := d.try(a, limit)
			switch {
			case err == nil:
				return nil
			case errors.Is(err, errSlow): // no reason to take less
				return staging.Errorf(staging.CodeTimeout, "try again when this host is less busy, or ask for less with OFFSHOOT_PROCESS_SHAPE",
					"a task in the shape %s of processes: %w (%s)", shape, err, limit)
			}
			d.log.Debug("not on this host", "shape", shape, "users", a.users, "overlay", a.overlay, "error", err)
			tried = append(tried, fmt.Errorf("%s: %w", shape, err))
		}
	}
	return staging.Errorf(staging.CodeRefused, "offshoot doctor says what this host lacks", "no way to run processes apart: %w", errors.Join(tried...))
}

func variants(shape Shape) []abilities {
	switch shape {
	case ShapeRoot:
		return []abilities{{shape, true, true}, {shape, true, false}}
	case ShapeUser:
		return []abilities{{shape, false, true}, {shape, false, false}}
	}
	if os.Geteuid() == 0 { // root in a container keeps the right to change users
		return []abilities{{shape, true, false}, {shape, false, false}}
	}
	return []abilities{{shape, false, false}}
}

// try runs one task with those abilities, and leaves nothing of it.
func (d *Driver) try(a abilities, limit time.Duration) (err error) {
	d.abilities = a
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	dir, err := os.MkdirTemp(filepath.Dir(d.dir), "probe-")
	if err != nil {
		return err
	}
	probe := &Driver{dir: filepath.Join(dir, "env"), log: d.log, boot: d.boot, cgroups: d.cgroups, shim: d.shim, abilities: a, path: findToolchains("", a),
		holds: map[string]hold{}, ahead: ahead{shims: map[string]*waiting{}}}
	owner := filepath.Base(dir) // other servers on this host may be trying too
	artifact := filepath.Join(dir, "artifact")
	defer func() {
		err = errors.Join(err, probe.deleteScope(context.WithoutCancel(ctx), platform.Ref{Owner: owner}), os.RemoveAll(dir))
	}()
	for _, folder := range []string{filepath.Join(artifact, "old"), probe.home(owner)} {
		if err := os.MkdirAll(folder, 0o711); err != nil {
			return err
		}
	}
	u := users{Service: firstUID, Data: firstUID + 1}
	if err := errors.Join(os.Chmod(dir, 0o711), os.Chmod(artifact, 0o777), os.Chmod(filepath.Join(artifact, "old"), 0o777),
		writeFile(probe.scopeFile(owner), u), probe.makeFolders(owner, u)); err != nil {
		return err
	}
	r := platform.Resource{Kind: staging.ResourceTask, Name: owner + "/task/0", Owner: owner,
		Workload: &staging.WorkloadSpec{Service: owner, Role: staging.RoleTask, Artifact: artifact, StopGrace: time.Second,
			Command: staging.Command{Shell: "rmdir old && mkdir old && : > new && : > /dev/null"}}}
	o, err := probe.Apply(ctx, r)
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: owner}
	for err == nil && o.Run != staging.RunExited && ctx.Err() == nil {
		o, err = probe.Wait(ctx, ref, o)
	}
	switch {
	case ctx.Err() != nil:
		return errSlow
	case err != nil:
		return err
	case o.ExitCode == nil || *o.ExitCode != 0:
		return fmt.Errorf("a task in it ended so: %s", o.Reason)
	}
	return nil
}

// isolation is one line for people.
func (d *Driver) isolation() string {
	switch {
	case d.shape == ShapeRoot:
		return "own user, mount, PID and IPC namespaces; the host's network"
	case d.shape == ShapeUser:
		return "own mount, PID and IPC namespaces, all under the user " + userName() + "; the host's network"
	case d.users:
		return "own users and process groups; the host's files and network"
	}
	return "process groups, all under the user " + userName() + "; the host's files and network"
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Geteuid())
}

// lacks says in plain words what this host does not give.
func (d *Driver) lacks() []string {
	var list []string
	if d.shape == ShapePlain {
		list = append(list,
			"no closed view: programs of an environment see this host's files and processes, as far as their user may",
			"no /app: a checkout lies in a folder of its environment; /app in commands and variables is written as that folder")
	}
	if !d.users {
		list = append(list, "no users of their own: every environment's programs and data servers run as "+userName()+
			", so a program that gets out of its view can read what others and this server keep")
	}
	if d.shape != ShapePlain && !d.overlay {
		list = append(list, "no overlay file system: each instance gets a copy of its checkout")
	}
	list = append(list, d.cgroups.Lacks()...)
	if !d.cgroups.Freezes() {
		list = append(list, "no freezer: processes are paused one after another, a server before its children")
	}
	return list
}

// cloneFlags are the namespaces that a shim starts in.
func (d *Driver) cloneFlags() uintptr {
	switch d.shape {
	case ShapeRoot:
		return unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC
	case ShapeUser:
		return unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC
	}
	return 0
}

// uid is the user that a workload runs as.
func (d *Driver) uid(u users, role staging.Role) int {
	switch {
	case !d.users:
		return shim.OwnUser
	case role == staging.RoleData:
		return u.Data
	}
	return u.Service
}

// give hands a path to a user where there are such.
func (d *Driver) give(path string, uid int) error {
	if !d.users || uid == shim.OwnUser {
		return nil
	}
	return os.Chown(path, uid, uid)
}
