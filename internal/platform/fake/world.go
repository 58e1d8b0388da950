// Package fake is a platform in memory, of either grain, whose calls fail when
// they are told to. It runs nothing: programs are described, not executed.
//
// It is for tests of what stands above the contract of platforms; it passes
// the same conformance suite as the real ones.
package fake

import (
	"maps"
	"slices"
	"sync"
	"time"

	"offshoot/internal/fault"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Behaviour is what a command does, in this order: it says lines and the value
// of a variable, writes or reads an artifact's text, and then ticks, copies its
// input, or stays; else it ends, after a nap, with Code.
type Behaviour struct {
	Say         []string
	Print       string
	Write       string
	Read        bool
	Tick        bool
	Cat         bool
	Stay        bool
	Stubborn    bool // does not end before its grace is over
	Nap         time.Duration
	Greedy      bool // takes more memory than it may have
	Code        int
	hasArtifact bool
}

// Options say what a world is like.
type Options struct {
	Grain platform.Grain
	// Behave says what a workload does; where it is nil tasks and builds end
	// well at once and everything else stays.
	Behave func(staging.WorkloadSpec) Behaviour
	// Address is where an endpoint is; where it is nil each has one of its own,
	// at which nothing listens.
	Address func(name string) string
}

// World is what outlives a server: all that its drivers made. It is safe for
// concurrent use.
type World struct {
	// Points lets calls go wrong.
	fault.Points
	options Options

	mu sync.Mutex
	// changed is closed and replaced whenever anything changes.
	changed   chan struct{}
	things    map[string]*thing
	artifacts map[string]string
	starts    map[string]int
	last      int
	confined  map[string]platform.Outbound
}

// thing is one resource that exists.
type thing struct {
	resource platform.Resource
	// bundle is the name of the set that it belongs to.
	bundle  string
	seen    staging.Observation
	members []string
	does    Behaviour
	lines   []platform.LogLine
	timers  []*time.Timer
	paused  bool
}

// NewWorld makes an empty world.
func NewWorld(o Options) *World {
	if o.Grain == "" {
		o.Grain = platform.GrainWorkload
	}
	if o.Behave == nil {
		o.Behave = func(s staging.WorkloadSpec) Behaviour {
			return Behaviour{Stay: s.Role != staging.RoleTask && s.Role != staging.RoleBuild}
		}
	}
	return &World{options: o, changed: make(chan struct{}), things: map[string]*thing{}, artifacts: map[string]string{}, starts: map[string]int{}, confined: map[string]platform.Outbound{}}
}

// Open is a driver on this world, as a new server has it.
func (w *World) Open() *Driver { return &Driver{w} }

// Inventory names everything that exists, sorted.
func (w *World) Inventory() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.things))
}

// Starts is how often a workload, task or build was started, ever.
func (w *World) Starts() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.starts)
}

// Running is whether that workload, task or member of a bundle runs now.
func (w *World) Running(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.things[name]
	return t != nil && t.seen.Run == staging.RunRunning
}

// End makes a running thing exit with that code, as if it crashed.
func (w *World) End(name string, code int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.things[name]; t != nil && t.seen.Run == staging.RunRunning {
		w.exit(t, code, "ended from outside")
	}
}

// Close ends every timer; nothing changes by itself any more.
func (w *World) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.things {
		t.stopTimers()
	}
}

// change tells whoever waits that something is different; the lock is held.
func (w *World) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func (t *thing) stopTimers() {
	for _, timer := range t.timers {
		timer.Stop()
	}
	t.timers = nil
}

// later does something to t after d, unless t is gone or was restarted by then.
func (w *World) later(t *thing, d time.Duration, do func()) {
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.things[t.resource.Name] == t && slices.Contains(t.timers, timer) {
			t.timers = slices.DeleteFunc(t.timers, func(o *time.Timer) bool { return o == timer })
			do()
		}
	})
	t.timers = append(t.timers, timer)
}
