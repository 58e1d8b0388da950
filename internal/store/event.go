package store

import (
	"context"
	"sync"

	"offshoot/internal/staging"
	"offshoot/internal/store/statement"
)

// EventFilter selects events with a Seq above After.
type EventFilter struct {
	After       int64
	Project     string
	Environment string
	// Limit is 1000 where zero.
	Limit int
}

// Events are a page of events, oldest first.
func (r Readers) Events(ctx context.Context, f EventFilter) ([]staging.Event, error) {
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	rows, err := r.q.Events(ctx, statement.EventsParams{After: f.After, Project: f.Project, Environment: f.Environment, Count: int64(f.Limit)})
	if err != nil {
		return nil, err
	}
	events := make([]staging.Event, len(rows))
	for i, row := range rows {
		if events[i], err = decode[staging.Event](row.Document); err != nil {
			return nil, err
		}
		events[i].Seq = row.Seq
		if events[i].Detail == nil {
			events[i].Detail = map[string]any{}
		}
	}
	return events, nil
}

// LastEvent is the newest event's number, 0 where there is none.
func (r Readers) LastEvent(ctx context.Context) (int64, error) { return r.q.LastEvent(ctx) }

// AppendEvent stores e under the next number, which it answers; e.Seq is
// ignored. Numbers are never used twice, also not after pruning.
func (t *Tx) AppendEvent(ctx context.Context, e staging.Event) (int64, error) {
	doc, err := encode(e)
	if err != nil {
		return 0, err
	}
	t.events = true
	return t.q.AppendEvent(ctx, statement.AppendEventParams{Project: e.Project, Environment: e.Environment, Document: doc})
}

// PruneEvents forgets events with a Seq below that number.
func (t *Tx) PruneEvents(ctx context.Context, before int64) error {
	return t.q.PruneEvents(ctx, before)
}

// Subscribe answers a channel that gets a token after events were committed:
// one for any number of them, so a reader then asks Events until it is empty.
// The channel is closed by cancel and by Close.
func (s *Store) Subscribe() (woken <-chan struct{}, cancel func()) { return s.feed.subscribe() }

// Nudge wakes those who subscribed although no event was written: what they
// show besides has changed.
func (s *Store) Nudge() { s.feed.wake() }

// feed wakes those who follow events.
type feed struct {
	mu     sync.Mutex
	next   int
	subs   map[int]chan struct{}
	closed bool
}

func (f *feed) subscribe() (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{}, 1)
	if f.closed {
		close(c)
		return c, func() {}
	}
	if f.subs == nil {
		f.subs = map[int]chan struct{}{}
	}
	id := f.next
	f.next++
	f.subs[id] = c
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, ok := f.subs[id]; ok {
			delete(f.subs, id)
			close(c)
		}
	}
}

func (f *feed) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for id, c := range f.subs {
		delete(f.subs, id)
		close(c)
	}
}
