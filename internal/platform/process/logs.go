//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"offshoot/internal/filewatch"
	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// reader reads the logs of an owner's instances together, oldest line first.
type reader struct {
	d       *Driver
	q       platform.LogQuery
	sources map[string]*stream
	// l listens where lines may come, nil where nobody follows.
	l *filewatch.Listener
}

// Logs implements platform.Logger. Lines of several instances are in the order
// of their times as far as they are there when they are read. What it holds is
// bounded: a piece of each log, and the last lines where those are asked for.
func (d *Driver) Logs(ctx context.Context, q platform.LogQuery, line func(platform.LogLine) error) error {
	if !ownerName.MatchString(q.Owner) {
		return staging.Errorf(staging.CodeInternal, "", "%q is no owner", q.Owner)
	}
	r := &reader{d: d, q: q, sources: map[string]*stream{}}
	var changed <-chan struct{}
	if q.Follow {
		l, some, err := d.files.Signal()
		if err != nil {
			return fmt.Errorf("follow logs: %w", err)
		}
		defer l.Close()
		r.l, changed = l, some
	}
	if err := r.first(line); err != nil || !q.Follow {
		return err
	}
	r.q.Tail = -1 // of what is new everything counts
	for {
		n, err := r.pass(line)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// first reads what is there, or the last lines of it.
func (r *reader) first(line func(platform.LogLine) error) error {
	if r.q.Tail < 0 {
		_, err := r.pass(line)
		return err
	}
	var last []platform.LogLine
	_, err := r.pass(func(l platform.LogLine) error {
		if r.q.Tail == 0 {
			return nil
		}
		if len(last) == r.q.Tail {
			last = append(last[:0], last[1:]...)
		}
		l.Text = bytes.Clone(l.Text)
		last = append(last, l)
		return nil
	})
	for _, l := range last {
		if err := line(l); err != nil {
			return err
		}
	}
	return err
}

// pass gives every line that is there now, merged by time, and says how many.
func (r *reader) pass(line func(platform.LogLine) error) (int, error) {
	open, err := r.open()
	if err != nil {
		return 0, err
	}
	n := 0
	for {
		var next *stream
		for i := 0; i < len(open); i++ {
			s := open[i]
			if len(s.lines) == 0 {
				if err := s.read(); err != nil {
					return n, err
				}
			}
			if len(s.lines) == 0 {
				open = slices.Delete(open, i, i+1) // until the next pass
				i--
			} else if next == nil || s.lines[0].At.Before(next.lines[0].At) {
				next = s
			}
		}
		if next == nil {
			return n, nil
		}
		l := next.lines[0]
		next.lines = next.lines[1:]
		n++
		if !l.At.Before(r.q.Since) {
			if err := line(l); err != nil {
				return n, err
			}
		}
	}
}

// open finds the logs of all instances that match, those that are gone too.
// Folders are watched before they are read, so nothing falls in between.
func (r *reader) open() ([]*stream, error) {
	var list []*stream
	home := r.d.home(r.q.Owner)
	for _, kind := range []staging.ResourceKind{staging.ResourceWorkload, staging.ResourceTask, staging.ResourceBuild} {
		// Last the living ones: whoever goes to the shelf meanwhile was seen.
		for _, parent := range []string{filepath.Join(home, logDir, string(kind)), filepath.Join(home, string(kind))} {
			r.watch(parent)
			entries, err := os.ReadDir(parent)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("read logs: %w", err)
			}
			for _, e := range entries {
				name := r.q.Owner + "/" + string(kind) + "/" + e.Name()
				if strings.HasSuffix(name, partial) || len(r.q.Names) > 0 && !slices.Contains(r.q.Names, name) {
					continue
				}
				s, err := r.source(name, filepath.Join(parent, e.Name()))
				if err != nil {
					return nil, err
				}
				if s != nil && !slices.Contains(list, s) {
					list = append(list, s)
				}
			}
		}
	}
	return list, nil
}

// source is the log of one name, wherever it lies now.
func (r *reader) source(name, dir string) (*stream, error) {
	r.watch(dir)
	r.watch(filepath.Join(dir, shim.LogDir))
	known, err := readRecord(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := r.sources[name]
	if s == nil {
		s = &stream{name: name, service: known.Service, lastSegment: math.MaxInt, places: []string{filepath.Join(r.d.file(platform.Ref{Name: name}), shim.LogDir),
			filepath.Join(r.d.shelf(name), shim.LogDir)}}
		r.sources[name] = s
		if err := s.skip(r.q); err != nil {
			return nil, err
		}
		if !r.q.Follow {
			s.stop()
		}
	}
	return s, nil
}

func (r *reader) watch(dir string) {
	if r.l != nil {
		_ = r.l.Add(dir) // what is not there yet shows in its parent
	}
}
