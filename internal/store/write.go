package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

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
	do     func(*Tx) error
	result chan error
	err    error
}

// Write runs do and commits what it wrote, or nothing of it where it fails.
// Writes that wait at the same time share one commit. When Write returns nil
// the data outlives a power cut; when ctx ends first the outcome is unknown
// and do may still run. do must be quick and must not call the Store.
func (s *Store) Write(ctx context.Context, do func(*Tx) error) error {
	r := &request{ctx: ctx, do: do, result: make(chan error, 1)}
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
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.requests:
			s.group(s.waiting(first))
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

// group commits requests together; each has a savepoint of its own, so that
// one that fails takes nothing with it.
func (s *Store) group(group []*request) {
	ctx := context.Background()
	tx, err := s.writer.BeginTx(ctx, nil)
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
}

// uninterrupted is a transaction whose statements run to their end, whatever
// becomes of who asked: SQLite takes back the whole transaction of one that is
// interrupted (sqlite3_interrupt), and others share it.
type uninterrupted struct{ tx *sql.Tx }

func (u uninterrupted) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return u.tx.ExecContext(context.WithoutCancel(ctx), query, args...)
}

func (u uninterrupted) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return u.tx.PrepareContext(context.WithoutCancel(ctx), query)
}

func (u uninterrupted) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return u.tx.QueryContext(context.WithoutCancel(ctx), query, args...)
}

func (u uninterrupted) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return u.tx.QueryRowContext(context.WithoutCancel(ctx), query, args...)
}

// one carries out one write of a group.
func (s *Store) one(ctx context.Context, tx *sql.Tx, r *request, events *bool) (err error) {
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if _, err := tx.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	t := &Tx{Readers: Readers{statement.New(uninterrupted{tx})}}
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
