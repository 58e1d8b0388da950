// Package upkeep does what nobody asks for: it writes activity down, lets idle
// environments sleep, warns of and destroys those that nobody uses, takes the
// daily snapshots and lets old ones go, and watches the disk and itself.
//
// It has one timer for all of it. It never makes or deletes anything itself:
// who does is told, through the same doors as a person.
package upkeep

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"offshoot/internal/staging"
)

// SnapshotOff is the time of day of projects that want no daily snapshot.
const SnapshotOff = "off"

// Writer is what is written in one transaction.
type Writer interface {
	settings
	Environment(ctx context.Context, id string) (staging.Environment, error)
	PutEnvironment(ctx context.Context, e staging.Environment) error
	PutSetting(ctx context.Context, key, value string) error
	AppendEvent(ctx context.Context, e staging.Event) (int64, error)
}

// Store is what is remembered.
type Store interface {
	settings
	Lists
	Write(ctx context.Context, do func(Writer) error) error
}

// Lists are what there is.
type Lists interface {
	Projects(ctx context.Context) ([]staging.Project, error)
	// Live are all environments that are not destroyed.
	Live(ctx context.Context) ([]staging.Environment, error)
	// Stack is what serves an environment, nil where nothing does.
	Stack(ctx context.Context, e staging.Environment) (*staging.Stack, error)
	Snapshots(ctx context.Context, project string) ([]staging.Snapshot, error)
}

// Work is who does things. Each is refused where it makes no sense any more.
type Work interface {
	// Sleep lets an environment sleep, deep where it did already and is to keep
	// nothing in memory any more.
	Sleep(ctx context.Context, environment string, deep bool) error
	// Expire destroys what nobody asked to destroy, unless it was used since it
	// was looked at. It asks the Breaker: what that refuses has code limit.
	Expire(ctx context.Context, seen staging.Environment) error
	// Snapshot takes one of an environment and blocks until it is proved.
	Snapshot(ctx context.Context, environment string) error
	RemoveSnapshot(ctx context.Context, id string) error
	// Look lets what awakes be looked at: has it crashed, is its time over.
	Look(ctx context.Context, awake []string) error
}

// Use is what is known of who uses an environment now.
type Use interface {
	// Activity is when each was last used since the last call.
	Activity() map[string]time.Time
	// Open is the number of requests, sockets and sessions.
	Open(environment string) int
	// Session is whether a person is in it: a console, a client of its data.
	Session(environment string) bool
}

// Crons runs cron jobs.
type Crons interface {
	// On is whether a job runs by itself in an environment.
	On(e staging.Environment, job staging.Service) bool
	// Run starts a job unless it runs. It does not block.
	Run(environment, job string)
}

// Config is what the service works with.
type Config struct {
	Store Store
	Work  Work
	Use   Use
	Crons Crons
	Disk  Disk
	// Rests is whether what sleeps of an environment rests in memory for a while;
	// Short is whether there is too little memory for that.
	Rests func(e staging.Environment) bool
	Short func() bool
	// Prune forgets environments that were destroyed before a time.
	Prune func(ctx context.Context, before time.Time) error
	// Tidy lets go of what builds left that nobody needs.
	Tidy     func(ctx context.Context) error
	Defaults Defaults
	// SnapshotAt is the time of day of the daily snapshot for projects that
	// say nothing ("03:00"), Local the place whose clock is meant.
	SnapshotAt string
	Local      *time.Location
	// Every is how soon after a change it is looked for what is due.
	Every time.Duration
	// Now is the wall clock, Elapsed one that cannot be set and that goes on
	// while the machine sleeps.
	Now     func() time.Time
	Elapsed func() time.Duration
	// Changed gets a token when anything may have changed.
	Changed func() (woken <-chan struct{}, cancel func())
	Log     *slog.Logger
}

// Service is safe for concurrent use.
type Service struct {
	Config
	schedule *schedule
	clock    clockwatch

	// mu guards what is kept in memory of what the store has.
	mu      sync.Mutex
	down    outages
	started bool
	stop    context.CancelFunc
	done    chan struct{}
	// sweeping is held by one sweep at a time.
	sweeping sync.Mutex
	// cronsAt is when it was last looked for cron jobs that are due; only that
	// duty uses it.
	cronsAt time.Time
	low     bool
}

// New makes a service that does nothing until it is started.
func New(c Config) *Service {
	s := &Service{Config: c, done: make(chan struct{})}
	s.schedule = newSchedule(c.Now, c.Elapsed, s.ended)
	return s
}

// Start takes down how long the server was away, and begins. It is started once.
func (s *Service) Start(ctx context.Context) error {
	if err := s.returned(ctx); err != nil {
		return err
	}
	if err := s.recall(ctx); err != nil {
		return err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.mu.Lock()
	s.started, s.stop = true, stop
	s.mu.Unlock()
	s.schedule.add("activity", 0, s.flush)
	s.schedule.add("heartbeat", 0, s.heartbeat)
	s.schedule.add(taskIdle, 0, s.idle)
	s.schedule.add(TaskSweeper, 0, s.sweepDue)
	s.schedule.add(TaskSnapshots, 0, s.snapshots)
	s.schedule.add("disk", 0, s.disk)
	s.schedule.add(taskTidy, tidyFirst, s.tidy)
	s.schedule.add(taskCrons, 0, s.crons)
	s.schedule.add("history", 0, s.history)
	go func() {
		defer close(s.done)
		s.run(run)
	}()
	return nil
}

// run is the one goroutine that waits.
func (s *Service) run(ctx context.Context) {
	changed, cancel := s.Changed()
	defer cancel()
	s.schedule.run(ctx, changed, func() {
		s.schedule.soon(TaskSweeper, s.Every)
		s.schedule.soon(taskIdle, s.Every)
		s.schedule.soon(TaskSnapshots, snapshotsAfter*s.Every)
		s.schedule.soon(taskCrons, s.Every)
	})
}

// Stop ends what runs and writes down when. It may be called more than once,
// and before Start.
func (s *Service) Stop() {
	s.mu.Lock()
	started, stop := s.started, s.stop
	s.started = false
	s.mu.Unlock()
	if !started {
		return
	}
	stop()
	<-s.done
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	if _, err := s.flush(ctx); err != nil {
		s.Log.Warn("upkeep", "duty", "activity", "error", err)
	}
	if err := s.beat(ctx); err != nil {
		s.Log.Warn("upkeep", "duty", "heartbeat", "error", err)
	}
}

// lastWords bounds what is written while stopping.
const lastWords = 5 * time.Second

// ended is told how each duty ended.
func (s *Service) ended(ctx context.Context, name string, begun time.Time, next time.Time, err error) {
	if err != nil && ctx.Err() == nil {
		s.Log.Error("upkeep", "duty", name, "error", err)
	}
	if name == TaskSweeper && ctx.Err() == nil {
		if err := s.note(ctx, name, begun, next, err); err != nil {
			s.Log.Error("upkeep", "duty", name, "error", err)
		}
	}
}

// flush writes down who was active, all in one transaction.
func (s *Service) flush(ctx context.Context) (time.Time, error) {
	next := s.Now().Add(s.Every)
	seen := s.Use.Activity()
	if len(seen) == 0 {
		return next, nil
	}
	return next, s.Store.Write(ctx, func(w Writer) error {
		for id, at := range seen {
			e, err := w.Environment(ctx, id)
			if staging.CodeOf(err) == staging.CodeNotFound {
				continue
			}
			if err != nil {
				return err
			}
			if !e.DestroyedAt.IsZero() || !e.LastActivityAt.Before(at) {
				continue
			}
			e.LastActivityAt = at
			if err := w.PutEnvironment(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Expires is when an environment will be swept if nobody uses it, zero for
// never.
func (s *Service) Expires(p staging.Project, e staging.Environment) time.Time {
	return lifeOf(s.Defaults, p, e, s.outages()).endAt
}

// outages are when the server was away.
func (s *Service) outages() outages {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}
