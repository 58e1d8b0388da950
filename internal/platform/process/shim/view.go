//go:build linux

package shim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// rootOptions are those of the tmpfs that holds links and mount points.
const rootOptions = "mode=755,size=1m"

// enter makes the view and makes it the root. The calling process must be
// alone in a mount namespace of its own.
func (v View) enter() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", v.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, rootOptions); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := v.build(); err != nil {
		return err
	}
	if err := unix.Mount("", v.Root, "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, rootOptions); err != nil {
		return fmt.Errorf("root read-only: %w", err)
	}
	return v.pivot()
}

func (v View) build() error {
	root, err := unix.Open(v.Root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(root) }()
	s := scene{v, root}
	for _, step := range []func() error{s.system, s.devices, s.mounts, v.files} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
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
	f, err := root.OpenFile(path, os.O_CREATE|os.O_WRONLY|unix.O_NONBLOCK, 0o400) // of a pipe nobody waits for the other end
	if errors.Is(err, unix.ENXIO) {
		return errNotPlain
	}
	if err != nil {
		return err
	}
	if err := plain(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteString(content)
	}
	return errors.Join(err, f.Chmod(0o400), f.Chown(v.UID, v.GID), f.Close())
}

var errNotPlain = errors.New("it is no plain file of the environment's own")

// plain refuses what the shim may write to and its workload may not: the host's
// devices, and the kernel's settings below /proc. The stack says where its files
// are, and a link in a volume may lead anywhere in the view.
func plain(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var on unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &on); err != nil {
		return err
	}
	if !info.Mode().IsRegular() || on.Type == unix.PROC_SUPER_MAGIC || on.Type == unix.SYSFS_MAGIC {
		return errNotPlain
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
