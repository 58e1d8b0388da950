package docker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/moby/moby/api/types/container"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// source is the log of one name: first what is kept of it, then the engine's.
type source struct {
	*cursor
	lines []platform.LogLine
	log   *engineLog
	pass  func(platform.LogLine) bool
}

// Logs implements platform.Logger. Lines of several names are in the order of
// their times as far as they are there when they are read.
func (d *Driver) Logs(ctx context.Context, q platform.LogQuery, line func(platform.LogLine) error) error {
	if !ownerName.MatchString(q.Owner) {
		return staging.Errorf(staging.CodeInternal, "", "%q is no owner", q.Owner)
	}
	wanted := func(name string) bool { return len(q.Names) == 0 || slices.Contains(q.Names, name) }
	// Held before what is there is read: what comes in between is told.
	told, stop := d.events.listen(func(name, owner string) bool { return owner == q.Owner && wanted(name) })
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	read, err := d.there(ctx, q, wanted, line)
	if err != nil || !q.Follow {
		return err
	}
	f := &follower{d: d, cursors: read, lines: make(chan platform.LogLine), going: map[string]bool{}}
	defer f.all.Wait()
	defer cancel()
	for {
		if err := f.begin(ctx, q, wanted); err != nil && ctx.Err() == nil && staging.CodeOf(err) != staging.CodeUnreachable {
			return err
		}
		for again := false; !again; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case l := <-f.lines:
				if err := line(l); err != nil {
					return err
				}
			case <-told:
				again = true
			}
		}
	}
}

// there gives the lines that are there, or the last of them, and how far each
// name was read.
func (d *Driver) there(ctx context.Context, q platform.LogQuery, wanted func(string) bool, line func(platform.LogLine) error) (map[string]*cursor, error) {
	sources, cursors, err := d.sources(ctx, q, wanted)
	defer func() {
		for _, s := range sources {
			if s.log != nil {
				s.log.close()
			}
		}
	}()
	if err != nil {
		return nil, err
	}
	if q.Tail < 0 {
		return cursors, merge(sources, line)
	}
	var last []platform.LogLine
	if err := merge(sources, func(l platform.LogLine) error {
		if len(last) == q.Tail && len(last) > 0 {
			last = append(last[:0], last[1:]...)
		}
		if q.Tail > 0 {
			l.Text = bytes.Clone(l.Text)
			last = append(last, l)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for _, l := range last {
		if err := line(l); err != nil {
			return nil, err
		}
	}
	return cursors, nil
}

// sources opens the log of every name. What is in our files is read after the
// engine was asked: what went there meanwhile is found there.
func (d *Driver) sources(ctx context.Context, q platform.LogQuery, wanted func(string) bool) ([]*source, map[string]*cursor, error) {
	all, err := d.containers(ctx, q.Owner)
	if err != nil {
		return nil, nil, err
	}
	byName := map[string]*source{}
	var list []*source
	add := func(name string) *source {
		s := byName[name]
		if s == nil {
			s = &source{cursor: newCursor(q.Since)}
			byName[name], list = s, append(list, s)
		}
		return s
	}
	for _, c := range all.Items {
		name := c.Labels[labelName]
		if !wanted(name) || c.State == container.StateCreated {
			continue
		}
		tail := q.Tail
		if tail == 0 {
			tail = 1 // to know where the end is
		}
		if add(name).log, err = d.openLog(ctx, name, c, q.Since, tail, false); err != nil && !errors.Is(err, errMissing) {
			return list, nil, err
		}
	}
	names, err := d.keptNames(q.Owner)
	if err != nil {
		return list, nil, err
	}
	cursors := map[string]*cursor{}
	for _, name := range names {
		if !wanted(name) {
			continue
		}
		s := add(name)
		first := s.cursor.pass()
		if err := kept(d.keptFile(name), name, func(l platform.LogLine) error {
			if first(l) {
				s.lines = append(s.lines, l)
			}
			return nil
		}); err != nil {
			return list, nil, err
		}
	}
	for name, s := range byName {
		cursors[name], s.pass = s.cursor, s.cursor.pass()
	}
	return list, cursors, nil
}

// next has the next line in lines, or none at the end.
func (s *source) next() error {
	for len(s.lines) == 0 && s.log != nil {
		l, err := s.log.next()
		if errors.Is(err, io.EOF) {
			s.log.close()
			s.log = nil
			return nil
		}
		if err != nil {
			return err
		}
		if s.floor.IsZero() && len(s.streams) == 0 {
			s.floor = l.At // of a tail: what is before was not asked for
		}
		if s.pass(l) {
			s.lines = append(s.lines, l)
		}
	}
	return nil
}

// merge gives the lines of all sources, the oldest first.
func merge(sources []*source, line func(platform.LogLine) error) error {
	for {
		var oldest *source
		for _, s := range sources {
			if err := s.next(); err != nil {
				return err
			}
			if len(s.lines) > 0 && (oldest == nil || s.lines[0].At.Before(oldest.lines[0].At)) {
				oldest = s
			}
		}
		if oldest == nil {
			return nil
		}
		l := oldest.lines[0]
		oldest.lines = oldest.lines[1:]
		if err := line(l); err != nil {
			return err
		}
	}
}
