package process

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/fsnotify/fsnotify"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// position is how far one instance's log was read.
type position struct {
	segment int
	offset  int64
}

// reader reads the logs of an owner's instances together, oldest line first.
type reader struct {
	d         *Driver
	q         platform.LogQuery
	positions map[string]position
	watcher   *fsnotify.Watcher
}

// Logs implements platform.Logger. Lines of several instances are in the order
// of their times as far as they are there when they are read.
func (d *Driver) Logs(ctx context.Context, q platform.LogQuery, line func(platform.LogLine) error) error {
	if !ownerName.MatchString(q.Owner) {
		return staging.Errorf(staging.CodeInternal, "", "%q is no owner", q.Owner)
	}
	r := &reader{d: d, q: q, positions: map[string]position{}}
	if q.Follow {
		w, err := fsnotify.NewWatcher()
		if err != nil {
			return fmt.Errorf("follow logs: %w", err)
		}
		defer func() { _ = w.Close() }()
		r.watcher = w
	}
	lines, err := r.more()
	if err != nil {
		return err
	}
	if q.Tail >= 0 && len(lines) > q.Tail {
		lines = lines[len(lines)-q.Tail:]
	}
	for {
		for _, l := range lines {
			if err := line(l); err != nil {
				return err
			}
		}
		if !q.Follow {
			return nil
		}
		if len(lines) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-r.watcher.Events:
			case err := <-r.watcher.Errors:
				return fmt.Errorf("follow logs: %w", err)
			}
		}
		if lines, err = r.more(); err != nil {
			return err
		}
	}
}

// more reads what was written since the last call, of every instance. Folders
// are watched before they are read, so nothing falls in between.
func (r *reader) more() ([]platform.LogLine, error) {
	var all []platform.LogLine
	for _, kind := range []staging.ResourceKind{staging.ResourceWorkload, staging.ResourceTask, staging.ResourceBuild} {
		parent := filepath.Join(r.d.home(r.q.Owner), string(kind))
		r.watch(parent)
		entries, err := os.ReadDir(parent)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read logs: %w", err)
		}
		for _, e := range entries {
			name := r.q.Owner + "/" + string(kind) + "/" + e.Name()
			if len(r.q.Names) > 0 && !slices.Contains(r.q.Names, name) {
				continue
			}
			lines, err := r.instance(name, filepath.Join(parent, e.Name()))
			if err != nil {
				return nil, err
			}
			all = append(all, lines...)
		}
	}
	slices.SortStableFunc(all, func(a, b platform.LogLine) int { return cmp.Compare(a.At.UnixMicro(), b.At.UnixMicro()) })
	return all, nil
}

func (r *reader) watch(dir string) {
	if r.watcher != nil {
		_ = r.watcher.Add(dir) // what is not there yet shows in its parent
	}
}

func (r *reader) instance(name, dir string) ([]platform.LogLine, error) {
	logs := filepath.Join(dir, shim.LogDir)
	r.watch(dir)
	r.watch(logs)
	var known record
	if err := readFile(filepath.Join(dir, recordFile), &known); err != nil {
		return nil, ignoreGone(err)
	}
	entries, err := os.ReadDir(logs)
	if err != nil {
		return nil, ignoreGone(err)
	}
	var lines []platform.LogLine
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		at := r.positions[name]
		if err != nil || n < at.segment {
			continue
		}
		if n > at.segment {
			at = position{segment: n}
		}
		text, err := readFrom(filepath.Join(logs, e.Name()), at.offset)
		if err != nil {
			return lines, ignoreGone(err)
		}
		// A line without its end is still being written.
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		at.offset += int64(len(text))
		r.positions[name] = at
		for raw := range bytes.Lines(text) {
			if l, ok := parseLine(raw); ok && !l.At.Before(r.q.Since) {
				l.Name, l.Service = name, known.Service
				lines = append(lines, l)
			}
		}
	}
	return lines, nil
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
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
	text := make([]byte, max(0, info.Size()-offset))
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
