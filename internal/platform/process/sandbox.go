//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"offshoot/internal/copytree"
	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// Where a workload sees its checkout and its home.
const (
	appDir    = "/app"
	insideApp = "/home/app"
)

func (d *Driver) shimConfig(r platform.Resource, known record, u users, dir string, inside []shim.Mount) (shim.Config, error) {
	w := r.Workload
	id := d.uid(u, w.Role)
	if w.Role == staging.RoleBuild {
		id = d.builder(known)
	}
	command := argv(w.Command)
	if w.Hold {
		command = []string{"sleep", "infinity"}
	}
	if len(command) == 0 {
		return shim.Config{}, errors.New("it has no command")
	}
	signal := unix.SignalNum(w.StopSignal)
	if signal == 0 {
		signal = unix.SIGTERM
	}
	limits := bounded(w.Limits, d.memory)
	groups, err := d.cgroups.Make(r.Owner, instanceGroup(r.Name), limits)
	if err != nil {
		return shim.Config{}, err
	}
	c := shim.Config{Command: known.Paths.list(command), Dir: known.Paths.text(workDir(w)), Env: known.Paths.list(d.environ(w.Env, workDir(w))), UID: id, GID: id, State: dir,
		Marker: known.Marker, Tasks: groups.Tasks, Unified: groups.Unified, Killed: groups.Killed, Memory: limits.Memory, Restart: known.Restart, Once: known.Once, Timeout: w.Timeout,
		StopSignal: int(signal), DiscardSignal: int(unix.SignalNum(w.DiscardSignal)), Grace: known.Grace}
	if d.shape == ShapePlain {
		for _, m := range w.Mounts {
			if w.Role != staging.RoleData && !m.Tmpfs && !m.Checkout && !strings.HasPrefix(filepath.Clean(m.Target), appDir+"/") {
				c.Remarks = append(c.Remarks, m.Target+" lies at "+m.Source+": this host can show it nowhere else")
			}
		}
		return c, d.write(w, known, dir)
	}
	c.View, err = d.view(w, id, dir, inside)
	return c, err
}

func workDir(w *staging.WorkloadSpec) string {
	if w.Dir == "" {
		return appDir
	}
	return w.Dir
}

// instanceGroup is a cgroup's name: one element of a path.
func instanceGroup(name string) string {
	_, rest, _ := strings.Cut(name, "/")
	return strings.ReplaceAll(rest, "/", "-")
}

func (d *Driver) environ(env map[string]string, dir string) []string {
	all := map[string]string{"PATH": d.path.search(dir), "HOME": insideApp, "LANG": "C.UTF-8", "USER": "app"}
	if d.shape == ShapePlain {
		all["TMPDIR"], all["USER"] = "/tmp", userName()
	}
	maps.Copy(all, env)
	var list []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		list = append(list, k+"="+all[k])
	}
	return list
}

// view lists what the instance sees beyond the host's programs. Files of /etc
// that name users and hosts are its own.
func (d *Driver) view(w *staging.WorkloadSpec, id int, dir string, inside []shim.Mount) (*shim.View, error) {
	v := &shim.View{Root: filepath.Join(dir, "root"), UID: id, GID: id, Files: w.Files, Userns: d.shape == ShapeUser}
	if target, text, ok := resolver("/etc/resolv.conf", "/run"); ok {
		v.Files = map[string]string{target: text}
		maps.Copy(v.Files, w.Files)
	}
	uid, gid := id, id
	if id == shim.OwnUser {
		uid, gid = os.Geteuid(), os.Getegid()
	}
	hosts := "127.0.0.1 localhost\n::1 localhost\n"
	for _, name := range slices.Sorted(maps.Keys(w.Hosts)) {
		hosts += w.Hosts[name] + " " + name + "\n"
	}
	for name, text := range map[string]string{
		"passwd": fmt.Sprintf("root:x:0:0:root:/:/bin/false\napp:x:%d:%d:app:%s:/bin/sh\n", uid, gid, insideApp),
		"group":  fmt.Sprintf("root:x:0:\napp:x:%d:\n", gid), "hosts": hosts,
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return v, err
		}
		v.Mounts = append(v.Mounts, shim.Mount{Source: file, Target: "/etc/" + name, ReadOnly: true})
	}
	v.Mounts = append(append(v.Mounts, d.path.mounts...), inside...)
	for _, m := range w.Mounts {
		v.Mounts = append(v.Mounts, shim.Mount{Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly, Tmpfs: m.Tmpfs, Checkout: m.Checkout})
	}
	return v, nil
}

// inside is the home, /tmp and the checkout of a service or task; a data
// server has none of an environment's. Without views there is only the
// checkout to be made.
func (d *Driver) inside(ctx context.Context, r platform.Resource, u users, dir string) ([]shim.Mount, error) {
	if d.shape == ShapePlain {
		return nil, nil
	}
	if r.Workload.Role == staging.RoleData {
		return []shim.Mount{{Tmpfs: true, Target: insideApp}, {Tmpfs: true, Target: appDir}}, nil
	}
	app, err := d.app(ctx, r.Workload.Artifact, dir, d.uid(u, r.Workload.Role))
	return []shim.Mount{{Source: filepath.Join(d.home(r.Owner), homeDir), Target: insideApp},
		{Source: filepath.Join(d.home(r.Owner), tmpDir), Target: "/tmp"}, app}, err
}

// app is the checkout at /app: writable and the instance's own, over an
// artifact that others share.
func (d *Driver) app(ctx context.Context, artifact, dir string, uid int) (shim.Mount, error) {
	upper := filepath.Join(dir, "upper")
	switch {
	case artifact == "":
		return shim.Mount{Tmpfs: true, Target: appDir}, nil
	case d.overlay:
		return shim.Mount{Source: artifact, Target: appDir, Upper: upper, Work: filepath.Join(dir, "work")}, d.give(upper, uid)
	}
	own := filepath.Join(upper, "app")
	_, err := copytree.Copy(ctx, artifact, own, copytree.Options{UID: uid, GID: uid})
	if errors.Is(err, fs.ErrExist) {
		err = nil // as it was left by the run before
	}
	return shim.Mount{Source: own, Target: appDir}, err
}

// outside is where things lie for a workload that has no view.
func (d *Driver) outside(r platform.Resource, dir string) paths {
	if d.shape != ShapePlain {
		return nil
	}
	w := r.Workload
	data := filepath.Dir(d.dir)
	list := paths{{Inside: data, Host: data}, // what is the host's already, though it lie in its /tmp
		{Inside: appDir, Host: filepath.Join(dir, "work")}, {Inside: insideApp, Host: filepath.Join(dir, "upper")}}
	if w.Role != staging.RoleData {
		list[2].Host = filepath.Join(d.home(r.Owner), homeDir)
		list = append(list, path{Inside: "/tmp", Host: filepath.Join(d.home(r.Owner), tmpDir)})
	}
	if w.Artifact != "" {
		list[1].Host = w.Artifact
	}
	for i, m := range w.Mounts {
		at := path{Inside: filepath.Clean(m.Target), Host: m.Source}
		if m.Tmpfs {
			at.Host = filepath.Join(dir, "files", "mount"+strconv.Itoa(i))
		}
		if m.Checkout {
			at.Host = filepath.Join(list[1].Host, filepath.Clean("/"+m.Source))
		}
		list = append(list, at)
	}
	for i, name := range slices.Sorted(maps.Keys(w.Files)) {
		list = append(list, path{Inside: filepath.Clean("/" + name), Host: filepath.Join(dir, "files", strconv.Itoa(i))})
	}
	return list
}

// write makes the files and folders of a workload without a view. What it
// mounts within its checkout is a link there.
func (d *Driver) write(w *staging.WorkloadSpec, known record, dir string) error {
	for i, name := range slices.Sorted(maps.Keys(w.Files)) {
		file := filepath.Join(dir, "files", strconv.Itoa(i))
		if err := os.RemoveAll(file); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(known.Paths.text(w.Files[name])), 0o400); err != nil {
			return err
		}
	}
	for i, m := range w.Mounts {
		if m.Tmpfs {
			if err := os.MkdirAll(filepath.Join(dir, "files", "mount"+strconv.Itoa(i)), 0o777); err != nil {
				return err
			}
		}
		rel, err := filepath.Rel(appDir, filepath.Clean(m.Target))
		if m.Checkout || err != nil || !filepath.IsLocal(rel) || rel == "." || w.Artifact == "" {
			continue
		}
		if err := link(w.Artifact, rel, m.Source); err != nil {
			return fmt.Errorf("mount %s: %w", m.Target, err)
		}
	}
	return nil
}

// link puts a link in a checkout in the place of what it covers, without ever
// leaving the checkout.
func link(checkout, rel, target string) error {
	root, err := os.OpenRoot(checkout)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if have, err := root.Readlink(rel); err == nil && have == target {
		return nil
	}
	if err := root.RemoveAll(rel); err != nil {
		return err
	}
	if err := root.MkdirAll(filepath.Dir(rel), 0o755); err != nil {
		return err
	}
	return root.Symlink(target, rel)
}
