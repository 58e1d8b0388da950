package storage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func mountPool(ctx context.Context, image, at string) error {
	if mounted, err := isMount(at); err != nil || mounted {
		return err
	}
	if err := os.MkdirAll(at, 0o711); err != nil {
		return err
	}
	return run(ctx, mountLimit, "mount", "-t", "xfs", "-o", "loop,noatime,nosuid,nodev", "--", image, at)
}

// inUse is a process that sees something below dir through a mount of its own,
// or stands there; "" for none.
func inUse(dir string) (string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	own, err := mounts("self")
	if err != nil {
		return "", err
	}
	on := mount{}
	for _, m := range own { // the last of those that are nearest hides the others
		if (m.point == "/" || dir == m.point || strings.HasPrefix(dir, m.point+"/")) && len(m.point) >= len(on.point) {
			on = m
		}
	}
	inside := filepath.Join(on.root, strings.TrimPrefix(dir, on.point)) + "/"
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return "", err
	}
	for _, p := range processes {
		pid := filepath.Base(p)
		cwd, err := os.Readlink(filepath.Join(p, "cwd"))
		if err == nil && strings.HasPrefix(cwd, dir+"/") {
			return pid, nil
		}
		list, _ := mounts(pid) // it may be gone
		if slices.ContainsFunc(list, func(m mount) bool { return m.device == on.device && strings.HasPrefix(m.root, inside) }) {
			return pid, nil
		}
	}
	return "", nil
}

// isMount is whether something is mounted at exactly that path.
func isMount(path string) (bool, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	list, err := mounts("self")
	return slices.ContainsFunc(list, func(m mount) bool { return m.point == real }), err
}

// mount is one line of a process's mountinfo (proc(5)): which folder of which
// file system is where.
type mount struct{ device, root, point string }

func mounts(pid string) ([]mount, error) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "mountinfo"))
	if err != nil {
		return nil, err
	}
	var list []mount
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 {
			list = append(list, mount{device: f[2], root: unescape(f[3]), point: unescape(f[4])})
		}
	}
	return list, nil
}

// unescape reads a path as proc(5) writes it.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
