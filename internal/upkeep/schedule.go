package upkeep

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// failedAgain is when a duty that failed is tried again.
const failedAgain = time.Minute

// duty is something to do again and again; run answers when next.
type duty struct {
	name string
	run  func(ctx context.Context) (next time.Time, err error)

	// due and last are by the clock that nobody sets.
	due     time.Duration
	last    time.Duration
	index   int
	running bool
	// wanted is when it is to run again although it runs now.
	wanted time.Duration
}

// schedule is one heap of duties under one timer. Each duty runs on its own
// goroutine while it has something to do, and never twice at a time.
type schedule struct {
	now     func() time.Time
	elapsed func() time.Duration
	ended   func(ctx context.Context, name string, begun, next time.Time, err error)

	mu     sync.Mutex
	heap   queue
	duties map[string]*duty
	poke   chan struct{}
	all    sync.WaitGroup
}

func newSchedule(now func() time.Time, elapsed func() time.Duration, ended func(context.Context, string, time.Time, time.Time, error)) *schedule {
	return &schedule{now: now, elapsed: elapsed, ended: ended, duties: map[string]*duty{}, poke: make(chan struct{}, 1)}
}

// add adds a duty that is due after that long.
func (s *schedule) add(name string, after time.Duration, run func(context.Context) (time.Time, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &duty{name: name, run: run, due: s.elapsed() + after, last: s.elapsed(), index: -1}
	s.duties[name] = d
	heap.Push(&s.heap, d)
}

// soon lets a duty run at the latest that long after it last ran.
func (s *schedule) soon(name string, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.duties[name]
	if d == nil {
		return
	}
	at := d.last + after
	switch {
	case d.running:
		d.wanted = at
	case at < d.due:
		d.due = at
		heap.Fix(&s.heap, d.index)
		s.wake()
	}
}

func (s *schedule) wake() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// maxWait is how long the timer sleeps at most: what sleeps with the machine
// may fire late.
const maxWait = time.Minute

// run blocks until ctx ends and everything that ran has ended. change is called
// for each token of changed.
func (s *schedule) run(ctx context.Context, changed <-chan struct{}, change func()) {
	defer s.all.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(s.begin(ctx))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.poke:
		case _, open := <-changed:
			if !open {
				changed = nil
			}
			change()
		}
	}
}

// begin starts what is due and answers how long to wait for the next.
func (s *schedule) begin(ctx context.Context) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.heap) > 0 && ctx.Err() == nil {
		now := s.elapsed()
		d := s.heap[0]
		if wait := d.due - now; wait > 0 {
			return min(wait, maxWait)
		}
		heap.Pop(&s.heap)
		d.running, d.last = true, now
		begun := s.now()
		s.all.Go(func() { s.one(ctx, d, begun) })
	}
	return maxWait
}

func (s *schedule) one(ctx context.Context, d *duty, begun time.Time) {
	next, err := d.run(ctx)
	now := s.now()
	if err != nil {
		next = now.Add(failedAgain)
	}
	s.ended(ctx, d.name, begun, next, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	d.running, d.due = false, s.elapsed()+next.Sub(now)
	if d.wanted > 0 && d.wanted < d.due {
		d.due = d.wanted
	}
	d.wanted = 0
	heap.Push(&s.heap, d)
	s.wake()
}

// queue is a heap of duties by when they are due.
type queue []*duty

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	d := x.(*duty)
	d.index = len(*q)
	*q = append(*q, d)
}

func (q *queue) Pop() any {
	old := *q
	d := old[len(old)-1]
	*q = old[:len(old)-1]
	d.index = -1
	return d
}
