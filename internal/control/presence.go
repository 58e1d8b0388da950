package control

import (
	"context"
	"sync"
)

// presence counts the people in each environment: consoles, commands, clients
// of its data, tunnels.
type presence struct {
	mu     sync.Mutex
	people map[string]int
}

func newPresence() *presence { return &presence{people: map[string]int{}} }

func (p *presence) add(id string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.people[id] += n; p.people[id] == 0 {
		delete(p.people, id)
	}
}

// People is how many are in an environment now: they keep it awake and alive.
func (s *Service) People(id string) int {
	s.presence.mu.Lock()
	defer s.presence.mu.Unlock()
	return s.presence.people[id]
}

// enter notes that somebody is in an environment until leave is called, which
// is activity at both ends.
func (s *Service) enter(ctx context.Context, id string) (leave func()) {
	s.presence.add(id, 1)
	return sync.OnceFunc(func() {
		_ = s.touch(context.WithoutCancel(ctx), id) // gone meanwhile: nothing to note
		s.presence.add(id, -1)
	})
}
