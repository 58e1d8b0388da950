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
