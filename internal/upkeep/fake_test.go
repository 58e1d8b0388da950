package upkeep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"offshoot/internal/staging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a store, a worker and users in memory, with failures to order.
type world struct {
	mu        sync.Mutex
	projects  []staging.Project
	envs      map[string]staging.Environment
	stacks    map[string]*staging.Stack
	snapshots []staging.Snapshot
	settings  map[string]string
	events    []staging.Event
	breaker   Breaker
	jobs      jobs
	pruned    time.Time

	active   map[string]time.Time
	open     map[string]int
	sessions map[string]bool
	slept    []string
	// rests is whether what sleeps does, short whether memory is; deep are who
	// sleep deep since.
	rests, short bool
	deep         []string
	gone         []string
	taken        int
	tidied       int
	free         int64

	freeFiles, files int64
	broken           error
	// set is by how far somebody set the clock.
	set time.Duration
}

func newWorld() *world {
	w := &world{envs: map[string]staging.Environment{}, stacks: map[string]*staging.Stack{}, settings: map[string]string{}, active: map[string]time.Time{},
		open: map[string]int{}, sessions: map[string]bool{}, free: 90 << 20}
	w.projects = []staging.Project{{Name: "shop"}}
	w.breaker = Breaker{Now: w.now}
	return w
}

func (w *world) prune(_ context.Context, before time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pruned = before
	return nil
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.set).UTC()
}

func (w *world) service() *Service {
	begun := time.Now()
	return New(Config{Tidy: func(context.Context) error { w.mu.Lock(); defer w.mu.Unlock(); w.tidied++; return nil }, Store: w, Work: w, Use: w, Crons: &w.jobs, Prune: w.prune, Log: slog.New(slog.DiscardHandler), Now: w.now, Elapsed: func() time.Duration { return time.Since(begun) },
		Rests: func(staging.Environment) bool { return w.rests }, Short: func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.short },
		Disk: func() (Space, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return Space{Free: w.free, Total: 100 << 20, FreeFiles: w.freeFiles, Files: w.files}, nil
		},
		Defaults: Defaults{TTL: 72 * time.Hour, Sleep: 30 * time.Minute}, SnapshotAt: "03:00", Local: time.UTC, Every: 15 * time.Second,
		Changed: func() (<-chan struct{}, func()) { return nil, func() {} }})
}

// started is a service that ends with its test.
func (w *world) started(t *testing.T) *Service {
	t.Helper()
	s := w.service()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func (w *world) add(id string, change func(*staging.Environment)) {
	now := w.now()
	e := staging.Environment{ID: id, Project: "shop", Branch: id, Slug: id, Kind: staging.KindBranch, Phase: staging.PhaseReady, Awake: true,
		CreatedAt: now, LastActivityAt: now, Deployed: staging.Deployed{Deployment: "dep_" + id, At: now}}
	if change != nil {
		change(&e)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.envs[id] = e
}

func (w *world) env(id string) staging.Environment {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.envs[id]
}

func (w *world) told(kind string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e.Type == kind {
			n++
		}
	}
	return n
}

func (w *world) Projects(context.Context) ([]staging.Project, error) { return w.projects, w.broken }

func (w *world) Live(context.Context) ([]staging.Environment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []staging.Environment
	for _, id := range slices.Sorted(maps.Keys(w.envs)) {
		if w.envs[id].Phase != staging.PhaseDestroyed {
			list = append(list, w.envs[id])
		}
	}
	return list, w.broken
}

func (w *world) Stack(_ context.Context, e staging.Environment) (*staging.Stack, error) {
	return w.stacks[e.ID], nil
}

func (w *world) Snapshots(context.Context, string) ([]staging.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.snapshots), nil
}

func (w *world) Setting(_ context.Context, key string) (string, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.settings[key]
	return v, ok, nil
}

func (w *world) Write(_ context.Context, do func(Writer) error) error { return do(tx{w}) }

type tx struct{ *world }

func (t tx) Environment(_ context.Context, id string) (staging.Environment, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.envs[id]
	if !ok {
		return e, staging.NotFound("", "no %s", id)
	}
	return e, nil
}

func (t tx) PutEnvironment(_ context.Context, e staging.Environment) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.envs[e.ID] = e
	return nil
}

func (t tx) PutSetting(_ context.Context, key, value string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settings[key] = value
	return nil
}

func (t tx) AppendEvent(_ context.Context, e staging.Event) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
	return int64(len(t.events)), nil
}

func (w *world) Sleep(_ context.Context, id string, deep bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.envs[id]
	if deep {
		e.AsleepBy = staging.AsleepLong
		w.envs[id], w.deep = e, append(w.deep, id)
		return nil
	}
	e.Awake, e.Phase, e.AsleepBy = false, staging.PhaseAsleep, staging.AsleepIdle
	w.envs[id], w.slept = e, append(w.slept, id)
	return nil
}

func (w *world) Expire(ctx context.Context, seen staging.Environment) error {
	live, _ := w.Live(ctx)
	ok, err := w.breaker.Allow(ctx, tx{w}, seen, staging.CauseExpired, len(live))
	if err != nil {
		return err
	}
	if !ok {
		return staging.Errorf(staging.CodeLimit, "", "halted")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.envs[seen.ID]
	e.Phase = staging.PhaseDestroyed
	w.envs[seen.ID], w.gone = e, append(w.gone, seen.ID)
	return nil
}

func (w *world) Snapshot(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken++
	if w.broken != nil {
		return w.broken
	}
	w.snapshots = append(w.snapshots, staging.Snapshot{ID: fmt.Sprintf("snap_%d", w.taken), Source: id, Automatic: true, State: staging.SnapshotReady, TakenAt: time.Now().Add(w.set)})
	return nil
}

func (w *world) RemoveSnapshot(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.snapshots)
	w.snapshots = slices.DeleteFunc(w.snapshots, func(s staging.Snapshot) bool { return s.ID == id })
	if len(w.snapshots) == n {
		return errors.New("no such snapshot")
	}
	return nil
}

func (w *world) Look(context.Context, []string) error { return nil }

func (w *world) Activity() map[string]time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.active
	w.active = map[string]time.Time{}
	return seen
}

func (w *world) Open(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open[id]
}

func (w *world) Session(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sessions[id]
}

// went, asleep and shots are what was done so far.
func (w *world) went() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.gone)
}

func (w *world) asleep() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.slept)
}

func (w *world) deepened() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.deep)
}

func (w *world) shots() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.taken
}
