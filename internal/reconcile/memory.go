package reconcile

import (
	"maps"
	"sync"
)

// memory is what this server saw of one environment. It outlives an actor, and
// is shared by what works beside one: sessions, jobs, snapshots.
type memory struct {
	// data is held while folders of data are copied, made or moved, and shared
	// by what starts or ends something that may write to them.
	data sync.RWMutex
	// sourceless is a deployment for whose data no source could be had; data is
	// held where it is read or written.
	sourceless string
	// first is held while the first snapshot is taken.
	first sync.Mutex

	// mu guards what follows, and is held for a moment only.
	mu sync.Mutex
	// ready are the workloads that were seen to answer, down those that were
	// last seen not to come up.
	ready, down map[string]bool
	// prepared names what the platform was asked to make ready.
	prepared map[string]bool
	// drained is the destination of the route to which all requests go.
	drained string
	// ended is closed, and made anew, when a deployment has ended.
	ended chan struct{}
	// sessions are the ledger names of those that run now.
	sessions map[string]bool
}

func newMemory() *memory {
	return &memory{ready: map[string]bool{}, down: map[string]bool{}, prepared: map[string]bool{}, sessions: map[string]bool{}, ended: make(chan struct{})}
}

func (m *memory) isReady(workload string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ready[workload]
}

// setReady notes whether a workload was seen to answer; either way it is not
// known to be down any more.
func (m *memory) setReady(workload string, ready bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.down, workload)
	set(m.ready, workload, ready)
}

// setDown notes that a workload was seen not to come up.
func (m *memory) setDown(workload string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down[workload] = true
}

func (m *memory) allDown() map[string]bool { return m.copyOf(m.down) }

func (m *memory) setPrepared(name string, prepared bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	set(m.prepared, name, prepared)
}

func (m *memory) allPrepared() map[string]bool { return m.copyOf(m.prepared) }

// session notes that a session has begun or ended.
func (m *memory) session(name string, running bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	set(m.sessions, name, running)
}

// running are the sessions that run now.
func (m *memory) running() map[string]bool { return m.copyOf(m.sessions) }

func (m *memory) setDrained(destination string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drained = destination
}

func (m *memory) isDrained(destination string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.drained == destination
}

// endOfDeployment is closed when the next deployment has ended.
func (m *memory) endOfDeployment() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended
}

func (m *memory) announceEnd() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.ended)
	m.ended = make(chan struct{})
}

func (m *memory) copyOf(names map[string]bool) map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(names)
}

func set(names map[string]bool, name string, in bool) {
	if in {
		names[name] = true
	} else {
		delete(names, name)
	}
}

// remembered is the memory of an environment, or of a snapshot that is proved.
func (e *Engine) remembered(id string) *memory {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.recall(id)
}

// recall is remembered for who holds the engine's lock.
func (e *Engine) recall(id string) *memory {
	m := e.memory[id]
	if m == nil {
		m = newMemory()
		e.memory[id] = m
	}
	return m
}

// forget remembers nothing more of what is gone for good.
func (e *Engine) forget(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.memory, id)
}
