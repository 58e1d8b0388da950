package imagebuild

import (
	"context"
	"sync"
)

// flights lets callers who want the same at once share one build. It goes on
// as long as one of them waits.
type flights struct {
	mu    sync.Mutex
	going map[string]*flight
}

type flight struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{}
	images  map[string]string
	err     error

	said    sync.Mutex
	lines   []Line
	tellers map[int]func(Line)
	next    int
}

// backlog is how many lines one that comes later is told of what was said.
const backlog = 2000

// join begins f under key or waits for the one that goes on. What f says is told
// to all who wait.
func (s *flights) join(ctx context.Context, key string, tell func(Line), f func(ctx context.Context, tell func(Line)) (map[string]string, error)) (map[string]string, error) {
	s.mu.Lock()
	fl := s.going[key]
	if fl == nil {
		// Its own context: the first to wait need not be the last.
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		fl = &flight{cancel: cancel, done: make(chan struct{}), tellers: map[int]func(Line){}}
		if s.going == nil {
			s.going = map[string]*flight{}
		}
		s.going[key] = fl
		go func() {
			defer cancel()
			fl.images, fl.err = f(own, fl.say)
			s.mu.Lock()
			if s.going[key] == fl {
				delete(s.going, key)
			}
			s.mu.Unlock()
			close(fl.done)
		}()
	}
	fl.waiting++
	s.mu.Unlock()
	leave := fl.hear(tell)
	defer leave()
	select {
	case <-fl.done:
		return fl.images, fl.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	fl.waiting--
	last := fl.waiting == 0
	if last && s.going[key] == fl {
		delete(s.going, key) // who comes now begins anew
	}
	s.mu.Unlock()
	if last {
		fl.cancel()
		<-fl.done
	}
	return nil, context.Cause(ctx)
}

// has is whether something goes on under key.
func (s *flights) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.going[key] != nil
}

func (fl *flight) say(l Line) {
	fl.said.Lock()
	defer fl.said.Unlock()
	if len(fl.lines) == backlog {
		fl.lines = fl.lines[1:]
	}
	fl.lines = append(fl.lines, l)
	for _, tell := range fl.tellers {
		tell(l)
	}
}

func (fl *flight) hear(tell func(Line)) (leave func()) {
	if tell == nil {
		return func() {}
	}
	fl.said.Lock()
	defer fl.said.Unlock()
	for _, l := range fl.lines {
		tell(l)
	}
	fl.next++
	id := fl.next
	fl.tellers[id] = tell
	return func() {
		fl.said.Lock()
		defer fl.said.Unlock()
		delete(fl.tellers, id)
	}
}
