package process

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// insidePath is where programs are found: the checkout's before the host's.
const insidePath = "/app/.venv/bin:/app/node_modules/.bin:/app/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (d *Driver) shimConfig(r platform.Resource, u users, dir string, inside []shim.Mount) (shim.Config, error) {
	w := r.Workload
	id := u.Service
	if w.Role == staging.RoleData {
		id = u.Data
	}
	command := w.Command.Args
	if w.Command.Shell != "" {
		command = []string{"/bin/sh", "-c", w.Command.Shell}
	}
	if len(command) == 0 {
		return shim.Config{}, errors.New("it has no command")
	}
	signal := unix.SignalNum(w.StopSignal)
	if signal == 0 {
		signal = unix.SIGTERM
	}
	procs, err := d.cgroups.create(r.Owner, instanceGroup(r.Name), w.Limits)
	if err != nil {
		return shim.Config{}, err
	}
	view, err := d.view(r, id, dir, inside)
	if err != nil {
		return shim.Config{}, err
	}
	var known record
	if err := readFile(filepath.Join(dir, recordFile), &known); err != nil {
		return shim.Config{}, err
	}
	work := w.Dir
	if work == "" {
		work = "/app"
	}
	return shim.Config{Command: command, Dir: work, Env: environ(w.Env), UID: id, GID: id, State: dir, View: view,
		Procs: procs, Restart: known.Restart, Timeout: w.Timeout, StopSignal: int(signal), Grace: known.Grace}, nil
}

// instanceGroup is a cgroup's name: one element of a path.
func instanceGroup(name string) string {
	_, rest, _ := strings.Cut(name, "/")
	return strings.ReplaceAll(rest, "/", "-")
}

func environ(env map[string]string) []string {
	all := map[string]string{"PATH": insidePath, "HOME": "/home/app", "LANG": "C.UTF-8"}
	maps.Copy(all, env)
	var list []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		list = append(list, k+"="+all[k])
	}
	return list
}

// view lists what the instance sees beyond the host's programs. Files of /etc
// that name users and hosts are its own.
func (d *Driver) view(r platform.Resource, id int, dir string, inside []shim.Mount) (shim.View, error) {
	w := r.Workload
	v := shim.View{Root: filepath.Join(dir, "root"), UID: id, GID: id, Files: w.Files}
	hosts := "127.0.0.1 localhost\n::1 localhost\n"
	for _, name := range slices.Sorted(maps.Keys(w.Hosts)) {
		hosts += w.Hosts[name] + " " + name + "\n"
	}
	for name, text := range map[string]string{
		"passwd": fmt.Sprintf("root:x:0:0:root:/:/bin/false\napp:x:%d:%d:app:/home/app:/bin/sh\n", id, id),
		"group":  fmt.Sprintf("root:x:0:\napp:x:%d:\n", id), "hosts": hosts,
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return v, err
		}
		v.Mounts = append(v.Mounts, shim.Mount{Source: file, Target: "/etc/" + name, ReadOnly: true})
	}
	v.Mounts = append(v.Mounts, inside...)
	if err := os.Chown(filepath.Join(dir, "upper"), id, id); err != nil {
		return v, err
	}
	for _, m := range w.Mounts {
		v.Mounts = append(v.Mounts, shim.Mount{Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly, Tmpfs: m.Tmpfs, Checkout: m.Checkout})
	}
	return v, nil
}

// inside is the home and the checkout of a service or task; a data server has
// neither.
func (d *Driver) inside(r platform.Resource, dir string) []shim.Mount {
	if r.Workload.Role == staging.RoleData {
		return []shim.Mount{{Tmpfs: true, Target: "/home/app"}, {Tmpfs: true, Target: "/app"}}
	}
	return []shim.Mount{{Source: filepath.Join(d.home(r.Owner), "home"), Target: "/home/app"}, app(r.Workload.Artifact, dir)}
}

// app is the checkout at /app: writable and the instance's own, over an
// artifact that others share.
func app(artifact, dir string) shim.Mount {
	if artifact == "" {
		return shim.Mount{Tmpfs: true, Target: "/app"}
	}
	return shim.Mount{Source: artifact, Target: "/app", Upper: filepath.Join(dir, "upper"), Work: filepath.Join(dir, "work")}
}
