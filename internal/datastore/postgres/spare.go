package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"offshoot/internal/copytree"
)

const (
	// sparesEach is how many copies of one source wait to be used, sparesFor how
	// long they wait while nobody takes one.
	sparesEach = 2
	sparesFor  = 24 * time.Hour
	// sparesAfter is how long after the last use copies are made again: whoever
	// has just taken one has better use for the machine.
	sparesAfter = 2 * time.Second
	tidyEvery   = time.Hour
	resultFile  = "result.json"
	spareFolder = "spare"
)

// spares are copies of golden data directories that were made ahead of need,
// where a copy costs no space. Golden data never changes, so neither do they.
// Those of OWNER/KIND/NAME lie in OWNER/spare/NAME, so that they go with it.
type spares struct {
	// golden is where golden copies lie: nothing else is copied ahead.
	golden string
	// cheap is whether a copy costs no space.
	cheap func(golden string) bool
	// room is whether the disk has room for what nobody asked for.
	room func() bool

	mu     sync.Mutex
	wanted map[string]bool
	more   chan struct{}
}

func newSpares(golden string, room func() bool) *spares {
	return &spares{golden: golden, room: room, cheap: byReference, wanted: map[string]bool{}, more: make(chan struct{}, 1)}
}

func byReference(golden string) bool {
	return copytree.Between(golden, filepath.Dir(golden)) != copytree.Plain
}

func spareOf(golden string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(golden)), spareFolder, filepath.Base(golden))
}

// take moves a spare copy of a golden copy's data to dst and gives it to its
// user; false where there is none.
func (s *spares) take(golden, dst string, uid, gid int) (copytree.Result, bool) {
	if rel, err := filepath.Rel(s.golden, golden); err != nil || !filepath.IsLocal(rel) {
		return copytree.Result{}, false
	}
	defer s.want(golden)
	s.mu.Lock()
	r, err := move(spareOf(golden), dst)
	s.mu.Unlock()
	if err != nil {
		return r, false
	}
	if err := copytree.OwnAll(dst, uid, gid); err != nil {
		_ = copytree.Remove(dst) // the copy that follows says what is wrong
		return r, false
	}
	return r, true
}

func move(dir, dst string) (r copytree.Result, err error) {
	text, err := os.ReadFile(filepath.Join(dir, resultFile))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, err
	}
	for n := range sparesEach {
		if err = os.Rename(filepath.Join(dir, strconv.Itoa(n)), dst); err == nil {
			return r, nil
		}
	}
	return r, err
}

// want asks for copies to be made when there is time.
func (s *spares) want(golden string) {
	s.mu.Lock()
	s.wanted[golden] = true
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// Keep makes spare copies of what is used, and lets go of those that nobody
// uses, until ctx ends. What goes wrong costs time later and nothing else.
func (d *Driver) Keep(ctx context.Context) {
	s := d.spares
	for {
		s.tidy()
		select {
		case <-ctx.Done():
			return
		case <-time.After(tidyEvery):
			continue
		case <-s.more:
		}
		if !s.calm(ctx) {
			return
		}
		s.fill(ctx)
	}
}

// calm waits until nobody has taken one for a while; false where ctx ended.
func (s *spares) calm(ctx context.Context) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.more:
		case <-time.After(sparesAfter):
			return true
		}
	}
}

// fill makes the copies that are wanted.
func (s *spares) fill(ctx context.Context) {
	s.mu.Lock()
	wanted := s.wanted
	s.wanted = map[string]bool{}
	s.mu.Unlock()
	for golden := range wanted {
		dir := spareOf(golden)
		if ctx.Err() != nil || !s.room() || !s.cheap(golden) {
			continue
		}
		err := fillOne(ctx, golden, dir)
		if _, gone := os.Lstat(golden); err != nil || errors.Is(gone, fs.ErrNotExist) {
			_ = copytree.Remove(dir) // what is left is tidied later
			_ = os.Remove(filepath.Dir(dir))
			_ = os.Remove(filepath.Dir(filepath.Dir(dir))) // unless there is more
		}
	}
}

func fillOne(ctx context.Context, golden, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for n := range sparesEach {
		to := filepath.Join(dir, strconv.Itoa(n))
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		r, err := copytree.Copy(ctx, filepath.Join(golden, "data"), to, copyOptions())
		if err != nil {
			return err
		}
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, resultFile), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// tidy removes the copies that nobody has taken for long, and all where the
// disk has no room for them.
func (s *spares) tidy() {
	for _, pattern := range []string{filepath.Join(s.golden, spareFolder, "*"), filepath.Join(s.golden, "*", spareFolder, "*")} {
		found, _ := filepath.Glob(pattern) // the pattern is ours
		for _, dir := range found {
			info, err := os.Stat(dir)
			if err != nil || time.Since(info.ModTime()) < sparesFor && s.room() {
				continue
			}
			s.mu.Lock() // none is taken meanwhile
			_ = copytree.Remove(dir)
			s.mu.Unlock()
		}
	}
}

// TrimSpares lets go of spare copies where the disk has no room for them.
func (d *Driver) TrimSpares() { d.spares.tidy() }
