//go:build linux

package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// View is the file system that a command sees: the host's programs read-only,
// and beyond them only what is listed.
type View struct {
	// Root is an empty folder of the host on which the view is built.
	Root   string  `json:"root"`
	Mounts []Mount `json:"mounts"`
	// Files are written inside, path to content, readable by the command only.
	Files map[string]string `json:"files"`
	UID   int               `json:"uid"`
	GID   int               `json:"gid"`
	// Userns is whether it is made by an ordinary user in a user namespace.
	Userns bool `json:"userns,omitempty"`
}

// Mount is a folder or file of the host that appears inside.
type Mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
	Tmpfs    bool   `json:"tmpfs"`
	// Checkout is whether Source is a path below /app of the view itself.
	Checkout bool `json:"checkout,omitempty"`
	// Upper and Work make it a writable overlay over Below, topmost first, and
	// Source, which is under them all.
	Upper string   `json:"upper"`
	Work  string   `json:"work"`
	Below []string `json:"below,omitempty"`
	// Volatile is whether nobody waits, when the overlay goes, until all that
	// its file system holds is written out: whoever uses the layer sees to that.
	Volatile bool `json:"volatile,omitempty"`
}

// SystemFolders are the host's programs and their settings, visible in every
// view.
var SystemFolders = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix"}

// devices are those of the host's /dev that harm nobody.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// enter makes the view and makes it the root. The calling process must be
// alone in a mount namespace of its own.
func (v View) enter() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", v.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m"); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	for _, step := range []func() error{v.system, v.devices, v.mounts, v.files} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := unix.Mount("", v.Root, "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m"); err != nil {
		return fmt.Errorf("root read-only: %w", err)
	}
	return v.pivot()
}

func (v View) system() error {
	for _, dir := range SystemFolders {
		info, err := os.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(dir)
			if err != nil {
				return err
			}
			if err := os.Symlink(target, filepath.Join(v.Root, dir)); err != nil {
				return err
			}
			continue
		}
		if err := v.bind(Mount{Source: dir, Target: dir, ReadOnly: true}); err != nil {
			return err
		}
	}
	return nil
}

func (v View) devices() error {
	proc := filepath.Join(v.Root, "proc")
	if err := os.MkdirAll(proc, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	for _, name := range devices {
		if err := v.bind(Mount{Source: "/dev/" + name, Target: "/dev/" + name}); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0",
		"stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(target, filepath.Join(v.Root, "dev", name)); err != nil {
			return err
		}
	}
	if err := v.terminals(); err != nil {
		return fmt.Errorf("/dev/pts: %w", err)
	}
	for _, dir := range []string{"/tmp", "/dev/shm", "/run"} {
		if err := v.bind(Mount{Tmpfs: true, Target: dir}); err != nil {
			return err
		}
	}
	return nil
}

// terminals are the view's own, so that a terminal's name is right inside.
func (v View) terminals() error {
	dir := filepath.Join(v.Root, "dev/pts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("devpts", dir, "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return err
	}
	return os.Symlink("pts/ptmx", filepath.Join(v.Root, "dev/ptmx"))
}

// sources holds no programs: images of languages have their code there, and so
// may a service.
const sources = "/usr/src"

func (v View) mounts() error {
	if slices.ContainsFunc(v.Mounts, func(m Mount) bool { return strings.HasPrefix(m.Target, sources+"/") }) {
		if err := v.bind(Mount{Tmpfs: true, Target: sources}); err != nil {
			return err
		}
	}
	for _, m := range v.Mounts {
		if err := v.bind(m); err != nil {
			return err
		}
	}
	return nil
}

// bind puts one mount in place. Source and target of a checkout are looked up
// with the view as root, so that no link in it leads to the host.
func (v View) bind(m Mount) error {
	if m.Checkout {
		return v.again(m)
	}
	at, err := v.point(m)
	if err != nil {
		return fmt.Errorf("mount point %s: %w", m.Target, err)
	}
	defer func() { _ = unix.Close(at) }()
	target := fdPath(at)
	switch {
	case m.Tmpfs:
		err = unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
	case m.Upper != "":
		err = v.layer(target, m)
	default:
		err = unix.Mount(m.Source, target, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err != nil {
		return fmt.Errorf("mount %s: %w", m.Target, err)
	}
	if m.Tmpfs || m.Upper != "" {
		return nil
	}
	return v.protect(m)
}

// protect takes setuid, and writing where that is not meant, from a mount.
func (v View) protect(m Mount) error {
	at, err := v.lookup(m.Target)
	if err != nil {
		return fmt.Errorf("protect %s: %w", m.Target, err)
	}
	defer func() { _ = unix.Close(at) }()
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID}
	if m.ReadOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(at, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attr); err != nil {
		return fmt.Errorf("protect %s: %w", m.Target, err)
	}
	return nil
}

// layer mounts an overlay. Before Linux 5.10 none is volatile.
func (v View) layer(target string, m Mount) error {
	mount := func(options string) error {
		return unix.Mount("overlay", target, "overlay", unix.MS_NOSUID|unix.MS_NODEV, options)
	}
	if m.Volatile {
		if err := mount(v.overlay(m) + ",volatile"); err == nil {
			return nil
		}
	}
	return mount(v.overlay(m))
}

// overlay are the options of a layered mount. What it writes must be readable
// as a layer of another one: no metadata-only copies, no renames by reference.
func (v View) overlay(m Mount) string {
	options := "lowerdir=" + strings.Join(append(slices.Clone(m.Below), m.Source), ":") + ",upperdir=" + m.Upper + ",workdir=" + m.Work
	if v.Userns {
		// Others than root may write no trusted attributes; this one excludes
		// the kernel's optional ones by itself.
		return options + ",userxattr"
	}
	return options + ",redirect_dir=off,metacopy=off,index=off"
}

// checkout is where every view has its code.
const checkout = "/app"

// again shows a part of the checkout at another place as well. Where that
// place covers the part, the part is put back where builds have seen it.
func (v View) again(m Mount) error {
	part := filepath.Join(checkout, filepath.Clean("/"+m.Source))
	source, err := v.lookup(part)
	if err != nil {
		return fmt.Errorf("mount %s of the checkout: %w", m.Source, err)
	}
	defer func() { _ = unix.Close(source) }()
	targets := []string{m.Target}
	if rel, err := filepath.Rel(filepath.Clean(m.Target), part); err == nil && rel != "." && filepath.IsLocal(rel) {
		targets = append(targets, part)
	}
	for _, target := range targets {
		to := Mount{Source: fdPath(source), Target: target, ReadOnly: m.ReadOnly}
		if err := v.bind(to); err != nil {
			return err
		}
	}
	return nil
}

func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// lookup opens a path as the command would see it.
func (v View) lookup(path string) (int, error) {
	root, err := unix.Open(v.Root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(root) }()
	return unix.Openat2(root, strings.TrimPrefix(filepath.Clean("/"+path), "/"), &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

// point opens the target of a mount and makes it where it is missing: on the
// view's own tmpfs, or on mounts that are already there, never through a link.
func (v View) point(m Mount) (int, error) {
	fd, err := v.lookup(m.Target)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	root, err := os.OpenRoot(v.Root)
	if err != nil {
		return -1, err
	}
	defer func() { _ = root.Close() }()
	target := strings.TrimPrefix(filepath.Clean("/"+m.Target), "/")
	folder := m.Tmpfs || m.Upper != ""
	if !folder {
		info, err := os.Stat(m.Source)
		if err != nil {
			return -1, err
		}
		folder = info.IsDir()
	}
	if !folder {
		if err := root.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return -1, err
		}
		f, err := root.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644)
		if err != nil {
			return -1, err
		}
		if err := f.Close(); err != nil {
			return -1, err
		}
	} else if err := root.MkdirAll(target, 0o755); err != nil {
		return -1, err
	}
	return v.lookup(m.Target)
}

// files are written without following links that leave the view.
func (v View) files() error {
	root, err := os.OpenRoot(v.Root)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for path, content := range v.Files {
		if err := v.file(root, strings.TrimPrefix(filepath.Clean("/"+path), "/"), content); err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
	}
	return nil
}

func (v View) file(root *os.Root, path, content string) error {
	if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o400)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Chmod(0o400), f.Chown(v.UID, v.GID), f.Close())
}

// pivot leaves the host's tree: pivot_root(".", ".") stacks the old root on
// the new one, from where it is detached (pivot_root(2)).
func (v View) pivot() error {
	if err := os.Chdir(v.Root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return os.Chdir("/")
}
