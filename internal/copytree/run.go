package copytree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// workers copy files in parallel: reflinks wait for the file system's journal
// more than for the processor.
const workers = 4

// run is one copy under way.
type run struct {
	ctx      context.Context
	src, dst string
	strategy Strategy
	options  Options
	root     bool
	device   uint64
	// from is the source, as it was when the copy began.
	from *os.File

	dirs  []entry
	work  []entry
	files int64
	total int64
	done  atomic.Int64
	// read is whether any file was copied by reading although the rest is
	// shared, so that its blocks must be written out too.
	read atomic.Bool

	reporting sync.Mutex
	reported  time.Time
}

// entry is one path of the source, relative to it.
type entry struct {
	rel  string
	info fs.FileInfo
}

func newRun(ctx context.Context, src, dst string, strategy Strategy, o Options) *run {
	return &run{ctx: ctx, src: src, dst: dst, strategy: strategy, options: o, root: os.Geteuid() == 0}
}

// tree lists the source, makes the directories, copies the files in parallel,
// and sets the directories' modes and times last, deepest first.
func (r *run) tree() error {
	from, err := os.Open(r.src)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	r.from = from
	if err := r.list(); err != nil {
		return err
	}
	if r.strategy == Plain {
		if err := Room(filepath.Dir(r.dst), r.total, int64(len(r.dirs))+r.files); err != nil {
			return err
		}
	}
	for _, dir := range r.dirs {
		if err := os.Mkdir(filepath.Join(r.dst, dir.rel), 0o700); err != nil {
			return err
		}
	}
	if err := r.each(r.one); err != nil {
		return err
	}
	if r.options.Copied != nil {
		r.options.Copied()
	}
	if err := r.each(r.attributes); err != nil {
		return err
	}
	for i := len(r.dirs) - 1; i >= 0; i-- {
		if err := r.finish(filepath.Join(r.dst, r.dirs[i].rel), r.dirs[i].info); err != nil {
			return err
		}
	}
	r.report(true)
	return nil
}

func (r *run) list() error {
	return filepath.WalkDir(r.src, func(path string, found fs.DirEntry, err error) error {
		if r.gone(err) && path != r.src {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.ctx.Err(); err != nil {
			return context.Cause(r.ctx)
		}
		rel, err := filepath.Rel(r.src, path)
		if err != nil {
			return err
		}
		if rel != "." && r.options.Skip != nil && r.options.Skip(rel, found) {
			if found.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := found.Info()
		if r.gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if rel == "." {
			r.device = deviceOf(info)
		} else if deviceOf(info) != r.device {
			return fmt.Errorf("%s is on another file system", rel)
		}
		if info.IsDir() {
			r.dirs = append(r.dirs, entry{rel, info})
			return nil
		}
		r.work = append(r.work, entry{rel, info})
		if info.Mode().IsRegular() {
			r.files++
			r.total += info.Size()
		}
		return nil
	})
}

// gone is whether something of a source that may change went meanwhile.
func (r *run) gone(err error) bool { return r.options.Live && errors.Is(err, fs.ErrNotExist) }

// each does something with every path that is no directory, in parallel.
func (r *run) each(do func(context.Context, entry) error) error {
	group, ctx := errgroup.WithContext(r.ctx)
	var next atomic.Int64
	for range min(workers, max(1, len(r.work))) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(r.work) {
					return nil
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := do(ctx, r.work[i]); err != nil {
					return fmt.Errorf("%s: %w", r.work[i].rel, err)
				}
			}
		})
	}
	return group.Wait()
}

// one copies what is no directory. Sockets mean nothing without the process
// that listens and are left out.
func (r *run) one(ctx context.Context, e entry) error {
	from, to := filepath.Join(r.src, e.rel), filepath.Join(r.dst, e.rel)
	mode := e.info.Mode()
	switch {
	case mode.IsRegular():
		return r.regular(ctx, e.rel, to, e.info)
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case mode&fs.ModeSocket != 0:
		return nil
	case mode&fs.ModeNamedPipe != 0:
		return makePipe(to)
	default:
		return fmt.Errorf("is a device (%s), which is not copied", mode.Type())
	}
}

// regular copies one file: its blocks by reference where that is the
// strategy, else its data without its holes.
func (r *run) regular(ctx context.Context, rel, to string, info fs.FileInfo) error {
	in, err := openBeneath(r.from, rel)
	if r.gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if info.Size() > 0 {
		err = r.content(ctx, in, out, info.Size())
	}
	return errors.Join(err, out.Close())
}

// attributes gives a copied path its owner, mode and time.
func (r *run) attributes(_ context.Context, e entry) error {
	to := filepath.Join(r.dst, e.rel)
	var err error
	switch mode := e.info.Mode(); {
	case mode&fs.ModeSocket != 0:
		return nil
	case mode&fs.ModeSymlink != 0:
		err = r.own(to, e.info)
	default:
		err = r.finish(to, e.info)
	}
	if r.gone(err) {
		return nil
	}
	return err
}

func (r *run) content(ctx context.Context, in, out *os.File, size int64) error {
	if r.strategy == Reflink {
		if err := reflink(in, out); err == nil {
			r.advance(size)
			return nil
		}
		// A file that cannot be shared (inline data, no-copy-on-write) is read.
	}
	r.read.Store(true)
	return copySparse(ctx, in, out, size, r.advance)
}

func (r *run) advance(n int64) {
	r.done.Add(n)
	r.report(false)
}

func (r *run) report(last bool) {
	if r.options.Progress == nil || !r.reporting.TryLock() {
		return
	}
	defer r.reporting.Unlock()
	now := time.Now()
	if !last && now.Sub(r.reported) < 100*time.Millisecond {
		return
	}
	r.reported = now
	r.options.Progress(r.done.Load(), r.total)
}
