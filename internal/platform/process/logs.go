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
	"strconv"
	"strings"
	"time"

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

// stream is how far one log was read.
type stream struct {
	name, service string
	// places are where its segments lie, or will lie when it is gone.
	places  []string
	segment int
	offset  int64
	// lastSegment and lastOffset are where reading ends unless it follows: who
	// writes faster than is read would be read for ever.
	lastSegment int
	lastOffset  int64
	lines       []platform.LogLine
}

// stop lets reading end where the log ends now.
func (s *stream) stop() {
	dir, list, err := s.segments()
	if s.lastSegment = 0; err != nil || len(list) == 0 {
		return
	}
	s.lastSegment = list[len(list)-1]
	if info, err := os.Stat(filepath.Join(dir, segmentName(s.lastSegment))); err == nil {
		s.lastOffset = info.Size()
	}
}

// done is whether what was there to be read was read.
func (s *stream) done() bool {
	return s.segment > s.lastSegment || s.segment == s.lastSegment && s.offset >= s.lastOffset
}

func segmentName(n int) string { return fmt.Sprintf("%08d", n) }

// segments are those that there are, in order, and the folder they lie in.
func (s *stream) segments() (string, []int, error) {
	for _, dir := range s.places {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var list []int
		for _, e := range entries {
			if n, err := strconv.Atoi(e.Name()); err == nil {
				list = append(list, n)
			}
		}
		slices.Sort(list)
		return dir, list, err
	}
	return "", nil, nil
}

// piece is how much of a log is held at once; it is longer than any line.
const piece = 1 << 20

// read takes the next piece. It leaves a segment only when the next one was
// there before it was found to be read to its end: the writer has left it too.
func (s *stream) read() error {
	for {
		dir, list, err := s.segments()
		if err != nil || len(list) == 0 {
			return err
		}
		if s.segment == 0 {
			s.segment = list[0]
		}
		if s.done() {
			return nil
		}
		if list[0] > s.segment {
			s.segment, s.offset = list[0], 0
			s.lines = append(s.lines, platform.LogLine{At: time.Now().UTC(), Name: s.name, Service: s.service, Stream: "offshoot",
				Text: []byte("lines are lost: the log was full before they were read")})
		}
		text, err := readFrom(filepath.Join(dir, segmentName(s.segment)), s.offset)
		if errors.Is(err, fs.ErrNotExist) {
			if slices.Contains(list, s.segment) {
				continue // it has just moved, or was dropped
			}
			return nil
		}
		if err != nil {
			return err
		}
		// A line without its end is still being written.
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		s.offset += int64(len(text))
		for raw := range bytes.Lines(text) {
			if l, ok := parseLine(raw); ok {
				l.Name, l.Service = s.name, s.service
				s.lines = append(s.lines, l)
			}
		}
		if len(text) > 0 || list[len(list)-1] <= s.segment {
			return nil
		}
		i, _ := slices.BinarySearch(list, s.segment+1)
		s.segment, s.offset = list[i], 0
	}
}

// skip begins where the lines that are asked for begin, or somewhat before.
func (s *stream) skip(q platform.LogQuery) error {
	dir, list, err := s.segments()
	if err != nil {
		return err
	}
	lines := 0
	for i, n := range slices.Backward(list) {
		file := filepath.Join(dir, segmentName(n))
		info, err := os.Stat(file)
		if err != nil {
			return nil // read from the first, that there is
		}
		s.segment = n
		if info.ModTime().Before(q.Since) && i < len(list)-1 {
			s.segment = list[i+1]
			return nil
		}
		if q.Tail >= 0 {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil
			}
			if lines += bytes.Count(text, []byte("\n")); lines >= q.Tail {
				return nil
			}
		}
	}
	return nil
}

func readFrom(path string, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, min(piece, max(0, info.Size()-offset)))
	n, err := f.ReadAt(text, offset)
	if n == len(text) {
		err = nil
	}
	return text[:n], err
}

func parseLine(raw []byte) (platform.LogLine, bool) {
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	at, rest, ok := bytes.Cut(raw, []byte(" "))
	micros, err := strconv.ParseInt(string(at), 10, 64)
	if !ok || err != nil || len(rest) < 2 || rest[1] != ' ' {
		return platform.LogLine{}, false
	}
	stream := map[byte]string{'o': "stdout", 'e': "stderr", 's': "offshoot"}[rest[0]]
	return platform.LogLine{At: time.UnixMicro(micros).UTC(), Stream: stream, Text: rest[2:]}, stream != ""
}
