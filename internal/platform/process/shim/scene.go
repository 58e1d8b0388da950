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

// scene is a view in the making: its root is the descriptor of its own tmpfs.
type scene struct {
	View
	root int
}

func (s scene) system() error {
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
			if err := s.link(target, dir); err != nil {
				return err
			}
			continue
		}
		if err := s.place(Mount{Source: dir, Target: dir, ReadOnly: true}); err != nil {
			return err
		}
	}
	return nil
}

func (s scene) devices() error {
	if err := s.mount("/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	for _, name := range devices {
		if err := s.place(Mount{Source: "/dev/" + name, Target: "/dev/" + name}); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0",
		"stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := s.link(target, "/dev/"+name); err != nil {
			return err
		}
	}
	// Terminals are the view's own, so that a terminal's name is right inside.
	if err := s.mount("/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return err
	}
	if err := s.link("pts/ptmx", "/dev/ptmx"); err != nil {
		return err
	}
	for _, dir := range []string{"/tmp", "/dev/shm", "/run"} {
		if err := s.place(Mount{Tmpfs: true, Target: dir}); err != nil {
			return err
		}
	}
	return nil
}

// link makes a symbolic link on the view's own tmpfs.
func (s scene) link(target, at string) error { return unix.Symlinkat(target, s.root, inside(at)) }

// sources holds no programs: images of languages have their code there, and so
// may a service.
const sources = "/usr/src"

func (s scene) mounts() error {
	if slices.ContainsFunc(s.Mounts, func(m Mount) bool { return strings.HasPrefix(m.Target, sources+"/") }) {
		if err := s.place(Mount{Tmpfs: true, Target: sources}); err != nil {
			return err
		}
	}
	for _, m := range s.Mounts {
		if err := s.place(m); err != nil {
			return err
		}
	}
	return nil
}

// place puts one mount in place. Source and target of a checkout are looked up
// with the view as root, so that no link in it leads to the host.
func (s scene) place(m Mount) error {
	switch {
	case m.Checkout:
		return s.again(m)
	case m.Tmpfs:
		return s.mount(m.Target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
	case m.Upper != "":
		return s.layer(m)
	}
	return s.bind(unix.AT_FDCWD, m)
}

// bind shows what is at m's source, or at a descriptor where m has none.
// Setuid, and writing where that is not meant, are taken from it before anybody
// can see it.
func (s scene) bind(at int, m Mount) error {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE)
	if m.Source == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	tree, err := unix.OpenTree(at, m.Source, flags)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m.Target, err)
	}
	defer func() { _ = unix.Close(tree) }()
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID}
	if m.ReadOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attr); err != nil {
		return fmt.Errorf("protect %s: %w", m.Target, err)
	}
	return s.within(m.Target, tree, func(to int) error {
		return unix.MoveMount(tree, "", to, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	})
}

// mount puts a file system of the view's own in place.
func (s scene) mount(target, kind string, flags uintptr, options string) error {
	return s.within(target, s.root, func(to int) error { return unix.Mount(kind, fdPath(to), kind, flags, options) })
}

// layer mounts an overlay. Before Linux 5.10 none is volatile.
func (s scene) layer(m Mount) error {
	if m.Volatile {
		if err := s.mount(m.Target, "overlay", unix.MS_NOSUID|unix.MS_NODEV, s.overlay(m)+",volatile"); err == nil {
			return nil
		}
	}
	return s.mount(m.Target, "overlay", unix.MS_NOSUID|unix.MS_NODEV, s.overlay(m))
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
func (s scene) again(m Mount) error {
	part := filepath.Join(checkout, filepath.Clean("/"+m.Source))
	source, err := s.lookup(part)
	if err != nil {
		return fmt.Errorf("mount %s of the checkout: %w", m.Source, err)
	}
	defer func() { _ = unix.Close(source) }()
	targets := []string{m.Target}
	if rel, err := filepath.Rel(filepath.Clean(m.Target), part); err == nil && rel != "." && filepath.IsLocal(rel) {
		targets = append(targets, part)
	}
	for _, target := range targets {
		if err := s.bind(source, Mount{Target: target, ReadOnly: m.ReadOnly}); err != nil {
			return err
		}
	}
	return nil
}

func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// inside is a path as seen from the root's descriptor.
func inside(path string) string { return filepath.Join(".", filepath.Clean("/"+path)) }

// lookup opens a path as the command would see it.
func (s scene) lookup(path string) (int, error) {
	return unix.Openat2(s.root, inside(path), &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

// within opens the target of a mount for f. Where it is missing it is made, a
// folder or a file as like is one.
func (s scene) within(target string, like int, f func(at int) error) error {
	at, err := s.point(target, like)
	if err != nil {
		return fmt.Errorf("mount point %s: %w", target, err)
	}
	defer func() { _ = unix.Close(at) }()
	if err := f(at); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

// point makes a mount point on the view's own tmpfs, or on mounts that are
// already there, never through a link that leaves the view.
func (s scene) point(target string, like int) (int, error) {
	at, err := s.lookup(target)
	if !errors.Is(err, unix.ENOENT) {
		return at, err
	}
	var info unix.Stat_t
	if err := unix.Fstat(like, &info); err != nil {
		return -1, err
	}
	parent, err := s.point(filepath.Dir(filepath.Clean("/"+target)), s.root)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(parent) }()
	if info.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = unix.Mkdirat(parent, filepath.Base(target), 0o755)
	} else {
		err = unix.Mknodat(parent, filepath.Base(target), unix.S_IFREG|0o644, 0)
	}
	if err != nil {
		return -1, err
	}
	return s.lookup(target)
}
