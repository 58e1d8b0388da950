package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// What is kept of logs: of each name, and of an owner's all together.
const (
	keptOfOne   = 4 << 20
	keptOfOwner = 64 << 20
)

func (d *Driver) keptFile(name string) string {
	owner, rest, _ := strings.Cut(name, "/")
	return filepath.Join(d.home(owner), "log", filepath.FromSlash(rest))
}

// keepLog takes what the engine is about to forget with a container into a file
// of ours, after what is there of earlier ones of its name.
func (d *Driver) keepLog(ctx context.Context, name string, c container.InspectResponse) error {
	ctx, cancel := context.WithTimeout(ctx, makeTime)
	defer cancel()
	log, err := d.openLog(ctx, name, container.Summary{ID: c.ID, Labels: c.Config.Labels}, time.Time{}, -1, false)
	if errors.Is(err, errMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	defer log.close()
	file := d.keptFile(name)
	at := newCursor(time.Time{})
	passed := at.pass()
	if err := kept(file, name, func(l platform.LogLine) error { passed(l); return nil }); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(text) == 0 {
		text = fmt.Appendf(text, "%s\n", log.service)
	}
	head := bytes.IndexByte(text, '\n') + 1
	fresh := at.pass()
	for {
		l, err := log.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return d.fault(ctx, "read a log", err)
		}
		if !fresh(l) {
			continue
		}
		text = fmt.Appendf(text, "%s %c %s\n", l.At.Format(time.RFC3339Nano), l.Stream[3], l.Text)
		if len(text) > 2*keptOfOne {
			text = shorter(text, head)
		}
	}
	if len(text) > keptOfOne {
		text = shorter(text, head)
	}
	return keepText(file, text)
}

// shorter leaves out the oldest lines.
func shorter(text []byte, head int) []byte {
	cut := len(text) - keptOfOne/2
	if i := bytes.IndexByte(text[cut:], '\n'); i >= 0 {
		cut += i + 1
	}
	return append(slices.Clone(text[:head]), text[cut:]...)
}

func keepText(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file+partial, text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(file+partial, file); err != nil {
		return err
	}
	return dropOldest(filepath.Dir(filepath.Dir(file)))
}

// dropOldest ends the logs that were written longest ago, where all together are
// too much.
func dropOldest(dir string) error {
	type log struct {
		path string
		size int64
		at   time.Time
	}
	var all []log
	total := int64(0)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return ignoreMissing(err)
		}
		info, err := e.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		all, total = append(all, log{path, info.Size(), info.ModTime()}), total+info.Size()
		return nil
	})
	slices.SortFunc(all, func(a, b log) int { return a.at.Compare(b.at) })
	for _, l := range all {
		if total <= keptOfOwner {
			break
		}
		err = errors.Join(err, removeFile(l.path))
		total -= l.size
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// kept gives the lines of a file of ours, none where there is none.
func kept(file, name string, line func(platform.LogLine) error) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return ignoreMissing(err)
	}
	service, rest, _ := bytes.Cut(text, []byte("\n"))
	for raw := range bytes.Lines(rest) {
		parts := bytes.SplitN(bytes.TrimSuffix(raw, []byte("\n")), []byte(" "), 3)
		if len(parts) < 3 {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, string(parts[0]))
		if err != nil {
			continue
		}
		l := platform.LogLine{At: at, Name: name, Service: string(service), Stream: stdout, Text: parts[2]}
		switch string(parts[1]) {
		case string(stderr[3]):
			l.Stream = stderr
		case string(own[3]):
			l.Stream = own
		}
		if err := line(l); err != nil {
			return err
		}
	}
	return nil
}

// keptNames are the names of which there is a log in our files.
func (d *Driver) keptNames(owner string) ([]string, error) {
	var names []string
	for _, kind := range []staging.ResourceKind{staging.ResourceWorkload, staging.ResourceTask, staging.ResourceBuild} {
		entries, err := os.ReadDir(filepath.Join(d.home(owner), "log", string(kind)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), partial) {
				names = append(names, owner+"/"+string(kind)+"/"+e.Name())
			}
		}
	}
	return names, nil
}
