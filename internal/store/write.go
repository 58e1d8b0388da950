package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store/statement"
)

// maxGroup bounds the writes that share one commit.
const maxGroup = 64

var errClosed = errors.New("the store is closed")

// Tx is one all-or-nothing write. It is valid only inside the function that it
// was given to.
type Tx struct {
	Readers
	events bool
}

type request struct {
	ctx    context.Context
	soon   bool
	do     func(*Tx) error
	result chan error
	err    error
}

// Write runs do and commits what it wrote, or nothing of it where it fails.
// Writes that wait at the same time share one commit. When Write returns nil
// the data outlives a power cut; when ctx ends first the outcome is unknown
// and do may still run. do must be quick and must not call the Store.
func (s *Store) Write(ctx context.Context, do func(*Tx) error) error {
	return s.ask(&request{ctx: ctx, do: do, result: make(chan error, 1)})
}

// WriteSoon is Write for what does no harm when the power takes it within the
// next milliseconds: it does not wait for the disk. Whatever is written later
// outlives a power cut only together with it.
func (s *Store) WriteSoon(ctx context.Context, do func(*Tx) error) error {
	return s.ask(&request{ctx: ctx, soon: true, do: do, result: make(chan error, 1)})
}

func (s *Store) ask(r *request) error {
	ctx := r.ctx
	select {
	case s.requests <- r:
	case <-s.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write is the only writer.
func (s *Store) write(ctx context.Context) {
	defer close(s.done)
	late := time.NewTimer(0)
	defer late.Stop()
	var settling sync.WaitGroup
	defer settling.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.requests:
			if s.group(s.waiting(first)) {
				late.Reset(latest)
			}
		case <-late.C:
			if !s.settling.CompareAndSwap(false, true) {
				late.Reset(latest)
				continue
			}
			settling.Go(func() { // what is written next does not wait for it
				s.settle()
				s.settling.Store(false)
			})
		}
	}
}

func (s *Store) waiting(first *request) []*request {
	group := []*request{first}
	for len(group) < maxGroup {
		select {
		case r := <-s.requests:
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

// latest is when the disk is waited for after what was not: a write that waits
// has often taken it along by then.
const latest = 5 * time.Millisecond

// settle waits for the disk. The file has no locks of SQLite's on it, which
// opening and closing it would take away (sqlite.org/howtocorrupt.html, 2.2).
func (s *Store) settle() {
	if !s.unsettled.CompareAndSwap(true, false) {
		return
	}
	f, err := os.Open(s.path + "-wal")
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil { // the next write that waits takes it along, or fails too
		s.unsettled.Store(true)
	}
}

// wait says whether commits are to wait for the disk.
func (s *Store) wait(ctx context.Context, disk bool) error {
	if disk == s.waits {
		return nil
	}
	level := map[bool]string{true: "FULL", false: "NORMAL"}[disk]
	if _, err := s.writer.ExecContext(ctx, "PRAGMA synchronous="+level); err != nil {
		return err
	}
	s.waits = disk
	return nil
}

// group commits requests together; each has a savepoint of its own, so that
// one that fails takes nothing with it. It answers whether the disk was not
// waited for.
func (s *Store) group(group []*request) (soon bool) {
	ctx := context.Background()
	soon = !slices.ContainsFunc(group, func(r *request) bool { return !r.soon })
	tx, err := s.begin(ctx, !soon)
	events := false
	if err == nil {
		for _, r := range group {
			r.err = full(s.one(ctx, tx, r, &events))
		}
		err = tx.Commit()
	}
	for _, r := range group {
		if err != nil {
			r.err = full(fmt.Errorf("commit: %w", err))
		}
		r.result <- r.err
	}
	if err == nil && events {
		s.feed.wake()
	}
	s.known.learn(ctx, s.writer)
	if soon {
		s.unsettled.Store(true)
	}
	return soon
}

func (s *Store) begin(ctx context.Context, durable bool) (*sql.Tx, error) {
	if err := s.wait(ctx, durable); err != nil {
		return nil, err
	}
	return s.writer.BeginTx(ctx, nil)
}

func (s *Store) one(ctx context.Context, tx *sql.Tx, r *request, events *bool) (err error) {
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if _, err := tx.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	t := &Tx{Readers: Readers{statement.New(uninterrupted{tx, s.known})}}
	defer func() {
		// A panic in one writer must not take the other writes, or the writer.
		if p := recover(); p != nil {
			err = staging.Errorf(staging.CodeInternal, "report it with the server's log", "a write panicked: %v", p)
		}
		end := "RELEASE one"
		if err != nil {
			end = "ROLLBACK TO one; RELEASE one"
		}
		_, endErr := tx.ExecContext(ctx, end)
		err = errors.Join(err, endErr)
		*events = *events || err == nil && t.events
	}()
	return r.do(t)
}
