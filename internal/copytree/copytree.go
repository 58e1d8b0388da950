// Package copytree copies a directory as cheaply as its file system can: by
// reflink, as XFS and btrfs do, or by reading and writing.
//
// The copy appears under its name only when it is whole: it is made beside it
// under a temporary name, made durable where its blocks are new, and renamed.
// The package never follows a symbolic link of the source, never crosses a
// mount point and never changes the source.
package copytree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Strategy names a way of copying.
type Strategy string

// The strategies, best first.
const (
	Reflink Strategy = "reflink"
	Plain   Strategy = "copy"
)

// Options change how a tree is copied. The zero value keeps owners and modes,
// and probes for the strategy.
type Options struct {
	// UID and GID become the owners of all that is copied; 0 or less keeps those of
	// the source where the process may set them. Without root they are ignored.
	UID int
	GID int
	// Skip leaves a path out, with all below it; rel is relative to the source.
	Skip func(rel string, entry fs.DirEntry) bool
	// Progress is told bytes done of total, at most every 100 ms, from one
	// goroutine at a time.
	Progress func(done, total int64)
	// Strategy forces one; "" probes.
	Strategy Strategy
	// Writable gives owners back the right to write, which a golden copy lacks.
	Writable bool
	// Live is for a source that changes meanwhile: what goes is left out.
	Live bool
	// Unsynced leaves writing out to the caller, who publishes what this copy
	// is a part of.
	Unsynced bool
	// Copied is called, at most once, when the source is not needed any more:
	// what is left to do is on the copy alone.
	Copied func()
	// Finish is called on the finished copy under its temporary name, before
	// it is made durable and renamed.
	Finish func(dir string) error
}

// Result says what was done.
type Result struct {
	Strategy Strategy
	Files    int64
	// Bytes is the logical size of the regular files.
	Bytes int64
}

// Copy copies the directory src to dst, which must not exist; its parent is
// made when missing. When ctx ends or anything fails, nothing is at dst, and
// what had begun is removed. Two calls for one dst must not overlap.
func Copy(ctx context.Context, src, dst string, o Options) (Result, error) {
	if err := absent(dst); err != nil {
		return Result{}, err
	}
	info, err := os.Lstat(src)
	if err != nil {
		return Result{}, fmt.Errorf("copy %s: %w", src, err)
	}
	if !info.IsDir() {
		return Result{}, fmt.Errorf("copy %s: not a directory", src)
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return Result{}, fmt.Errorf("copy to %s: %w", dst, err)
	}
	partial := Partial(dst)
	if err := Remove(partial); err != nil {
		return Result{}, err
	}
	result, read, err := fill(ctx, src, partial, o)
	if err != nil {
		return Result{}, errors.Join(fmt.Errorf("copy %s to %s: %w", src, dst, err), Remove(partial))
	}
	if err := Publish(partial, dst, read && !o.Unsynced); err != nil {
		return Result{}, errors.Join(err, Remove(partial))
	}
	return result, nil
}

// CopyFile copies one regular file of the folder dir to a name that does not
// exist, with its owner and mode, by reference where that is possible.
func CopyFile(ctx context.Context, dir, rel, dst string) error {
	info, err := os.Lstat(filepath.Join(dir, rel))
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("copy %s: not a regular file", rel)
	}
	from, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	r := newRun(ctx, dir, dst, Reflink, Options{})
	r.from = from
	if err := r.regular(ctx, rel, dst, info); err != nil {
		return err
	}
	return r.finish(dst, info)
}

// Partial is the temporary name under which dst is made.
func Partial(dst string) string {
	return filepath.Join(filepath.Dir(dst), "."+filepath.Base(dst)+".partial")
}

// Publish renames what was made under a temporary name to dst. With sync its
// blocks are written out first, so that a power cut after it finds dst whole.
// Reflinks need none: they are entries of the same journal as the rename that
// follows them.
func Publish(partial, dst string, sync bool) error {
	if sync {
		if err := syncFilesystem(partial); err != nil {
			return fmt.Errorf("write out %s: %w", dst, err)
		}
	}
	if err := absent(dst); err != nil {
		return err
	}
	if err := os.Rename(partial, dst); err != nil {
		return fmt.Errorf("finish %s: %w", dst, err)
	}
	return nil
}

func absent(dst string) error {
	_, err := os.Lstat(dst)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("copy to %s: %w", dst, err)
	}
	return fmt.Errorf("copy to %s: %w", dst, fs.ErrExist)
}

func fill(ctx context.Context, src, partial string, o Options) (result Result, read bool, err error) {
	strategy := o.Strategy
	if strategy == "" {
		strategy = Between(src, filepath.Dir(partial))
	}
	run := newRun(ctx, src, partial, strategy, o)
	if err := run.tree(); err != nil {
		return Result{}, false, err
	}
	read = run.read.Load()
	if o.Finish != nil {
		// What it writes is nobody's to know: it is written out too.
		read = true
		if err := o.Finish(partial); err != nil {
			return Result{}, false, err
		}
	}
	return Result{Strategy: run.strategy, Files: run.files, Bytes: run.total}, read, nil
}
