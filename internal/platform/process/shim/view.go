package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
}

// Mount is a folder or file of the host that appears inside.
type Mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
	Tmpfs    bool   `json:"tmpfs"`
	// Upper and Work make it a writable overlay over Source.
	Upper string `json:"upper"`
	Work  string `json:"work"`
}

// systemFolders are the host's programs and their settings.
var systemFolders = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix"}

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
	for _, dir := range systemFolders {
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
	for _, dir := range []string{"/tmp", "/dev/shm", "/run"} {
		if err := v.bind(Mount{Tmpfs: true, Target: dir}); err != nil {
			return err
		}
	}
	return nil
}

func (v View) mounts() error {
	for _, m := range v.Mounts {
		if err := v.bind(m); err != nil {
			return err
		}
	}
	return nil
}

// bind puts one mount in place. Targets are made only on the view's own tmpfs
// or on mounts that are already there.
func (v View) bind(m Mount) error {
	target := filepath.Join(v.Root, filepath.Clean("/"+m.Target))
	if err := place(m, target); err != nil {
		return fmt.Errorf("mount point %s: %w", m.Target, err)
	}
	var err error
	switch {
	case m.Tmpfs:
		err = unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
	case m.Upper != "":
		err = unix.Mount("overlay", target, "overlay", unix.MS_NOSUID|unix.MS_NODEV,
			"lowerdir="+m.Source+",upperdir="+m.Upper+",workdir="+m.Work)
	default:
		err = unix.Mount(m.Source, target, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err != nil {
		return fmt.Errorf("mount %s: %w", m.Target, err)
	}
	if m.Tmpfs || m.Upper != "" {
		return nil
	}
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID}
	if m.ReadOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, attr); err != nil {
		return fmt.Errorf("protect %s: %w", m.Target, err)
	}
	return nil
}

func place(m Mount, target string) error {
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	if !m.Tmpfs {
		info, err := os.Stat(m.Source)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			f, err := os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644)
			if err != nil {
				return err
			}
			return f.Close()
		}
	}
	return os.MkdirAll(target, 0o755)
}

func (v View) files() error {
	for path, content := range v.Files {
		target := filepath.Join(v.Root, filepath.Clean("/"+path))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
		if err := os.WriteFile(target, []byte(content), 0o400); err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
		if err := os.Chown(target, v.UID, v.GID); err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
	}
	return nil
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
