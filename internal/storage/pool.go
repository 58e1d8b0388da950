package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"offshoot/internal/copytree"
	"offshoot/internal/staging"
)

// A pool is a file system that copies by reference, in a sparse file of a data
// directory whose own cannot: DIR/pool.xfs, mounted at DIR/pool. What is copied
// lies in it, and the usual names are links to there, so that nothing else
// knows of it.
const (
	poolImage = "pool.xfs"
	poolDir   = "pool"
	// MinPool is the least size of a pool, in bytes: XFS makes none below 300 MB.
	MinPool = 512 << 20
)

// pooled are the folders that a pool holds: those that share content.
var pooled = []string{"env", "golden", "artifacts", "cache"}

// The deadlines of the programs that make a pool.
const (
	mountLimit = 2 * time.Minute
	moveLimit  = 12 * time.Hour
)

// Report says what InitPool has made.
type Report struct {
	DataDir    string `json:"data_dir"`
	Image      string `json:"image"`
	SizeBytes  int64  `json:"size_bytes"`
	MovedBytes int64  `json:"moved_bytes"`
	Strategy   string `json:"strategy"`
}

// Open brings the pool of a data directory into its place, where there is one:
// also after the host was started again, or InitPool was cut off. Where it
// cannot, nothing of what it holds may be used, or made anew.
func Open(ctx context.Context, dir string) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return err
	}
	if err := local(dir, int64(disk.Type)); err != nil {
		return err
	}
	image := filepath.Join(dir, poolImage)
	if _, err := os.Lstat(image); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := mountPool(ctx, image, filepath.Join(dir, poolDir)); err != nil {
		return staging.Errorf(staging.CodeRefused, "see `dmesg`; as root: mount -o loop "+image+" "+filepath.Join(dir, poolDir), "the pool of data is not mounted: %w", err)
	}
	return link(dir)
}

func mountPool(ctx context.Context, image, at string) error {
	if mounted, err := isMount(at); err != nil || mounted {
		return err
	}
	if err := os.MkdirAll(at, 0o711); err != nil {
		return err
	}
	return run(ctx, mountLimit, "mount", "-t", "xfs", "-o", "loop,noatime,nosuid,nodev", "--", image, at)
}

// link puts links to the pool where its folders were, and removes those: they
// were copied whole before the image got its name.
func link(dir string) error {
	for _, name := range pooled {
		inside, outside := filepath.Join(dir, poolDir, name), filepath.Join(dir, name)
		if err := os.MkdirAll(inside, 0o711); err != nil {
			return err
		}
		moved := filepath.Join(dir, "."+name+".moved")
		info, err := os.Lstat(outside)
		switch {
		case err == nil && info.Mode()&fs.ModeSymlink != 0:
		case err == nil:
			if err := os.Rename(outside, moved); err != nil {
				return err
			}
			fallthrough
		case errors.Is(err, fs.ErrNotExist):
			if err := os.Symlink(filepath.Join(poolDir, name), outside); err != nil {
				return err
			}
		default:
			return err
		}
		if err := copytree.Remove(moved); err != nil {
			return err
		}
	}
	return nil
}

// InitPool makes a pool and moves what is there into it. The caller holds the
// data directory's lock: no server runs. Cut off at any point it has either not
// begun, or is finished by Open.
func InitPool(ctx context.Context, dir string, size int64, tell func(string)) (Report, error) {
	report := Report{DataDir: dir, Image: filepath.Join(dir, poolImage), SizeBytes: size, Strategy: string(copytree.Reflink)}
	if err := MayInit(dir, size); err != nil {
		return report, err
	}
	if user, err := inUse(filepath.Join(dir, "env")); err != nil {
		return report, err
	} else if user != "" {
		return report, staging.Refused("start the server, let every environment sleep (offshoot sleep ENV), stop it, then try again", "process %s of an environment runs on this data", user)
	}
	var used int64
	for _, name := range pooled {
		space, err := copytree.Usage(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return report, err
		}
		used += space.Logical
	}
	if err := enough(dir, size, used); err != nil {
		return report, err
	}
	image, at := filepath.Join(dir, "."+poolImage+".partial"), filepath.Join(dir, "."+poolDir+".partial")
	if err := discard(ctx, image, at); err != nil {
		return report, err
	}
	err := fill(ctx, dir, image, at, size, tell)
	if err == nil {
		err = run(ctx, mountLimit, "umount", "--", at)
	}
	if err == nil {
		err = os.Rename(image, report.Image)
	}
	if err != nil {
		return report, errors.Join(err, discard(context.WithoutCancel(ctx), image, at))
	}
	report.MovedBytes = used
	return report, errors.Join(os.Remove(at), Open(ctx, dir))
}

// fill makes the image, mounts it and copies what is there.
func fill(ctx context.Context, dir, image, at string, size int64, tell func(string)) error {
	file, err := os.OpenFile(image, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		return err
	}
	tell("making a file system in " + image)
	if err := run(ctx, mountLimit, "mkfs.xfs", "-q", "-m", "reflink=1", image); err != nil {
		return err
	}
	if err := mountPool(ctx, image, at); err != nil {
		return err
	}
	for _, name := range pooled {
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		tell("moving " + name)
		// Layers of builds hold marks that only a full copy keeps.
		if err := run(ctx, moveLimit, "cp", "-a", "--sparse=always", "--", filepath.Join(dir, name), filepath.Join(at, name)); err != nil {
			return err
		}
	}
	return copytree.Flush(at)
}

func discard(ctx context.Context, image, at string) error {
	if mounted, err := isMount(at); err != nil {
		return err
	} else if mounted {
		if err := run(ctx, mountLimit, "umount", "--", at); err != nil {
			return err
		}
	}
	for _, path := range []string{image, at} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// MayInit refuses what cannot be, before anything is touched or locked.
func MayInit(dir string, size int64) error {
	if size < MinPool {
		return staging.Errorf(staging.CodeUsage, "for example --size 300G", "a pool has at least %d MB", MinPool>>20)
	}
	if _, err := os.Lstat(filepath.Join(dir, poolImage)); err == nil {
		return staging.Refused("it is used already; doctor shows how data is copied", "%s has a pool", dir)
	}
	if os.Geteuid() != 0 {
		return staging.Refused(fmt.Sprintf("as an administrator: sudo offshoot storage init --data-dir %s --size %dM", dir, size>>20), "making and mounting a file system needs root")
	}
	if strategy, err := copytree.Probe(dir); err != nil {
		return err
	} else if strategy != copytree.Plain {
		return staging.Refused("nothing is to be done", "%s is on a file system that copies by reference (%s)", dir, strategy)
	}
	for program, pkg := range map[string]string{"mkfs.xfs": "xfsprogs", "mount": "mount", "cp": "coreutils"} {
		if _, err := exec.LookPath(program); err != nil {
			return staging.Refused("install "+pkg, "this host has no %s", program)
		}
	}
	return nil
}

// enough refuses a pool that the disk could not hold beside what is moved.
func enough(dir string, size, used int64) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return err
	}
	free := int64(disk.Bavail) * int64(disk.Bsize)
	if size > free {
		return staging.Errorf(staging.CodeLimit, fmt.Sprintf("--size %dG, or free some space", free>>30), "%s has %d GB free, the pool is to have %d GB", dir, free>>30, size>>30)
	}
	if used > size/10*9 {
		return staging.Errorf(staging.CodeLimit, "choose a larger --size", "the data takes %d MB, which a pool of %d MB does not hold", used>>20, size>>20)
	}
	return nil
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

func run(ctx context.Context, limit time.Duration, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return !strings.HasPrefix(v, "PATH=") }), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
