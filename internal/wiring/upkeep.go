package wiring

import (
	"cmp"
	"context"
	"syscall"
	"time"

	"offshoot/internal/control"
	"offshoot/internal/platform"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/upkeep"
)

// Upkeep is what a person says of upkeep; zero values are the defaults.
type Upkeep struct {
	// TTL, Sleep and SnapshotAt hold for projects that say nothing.
	TTL, Sleep time.Duration
	SnapshotAt string
	// Every is how soon it is looked for what is due.
	Every time.Duration
}

// The defaults of upkeep.
const (
	defaultTTL        = 72 * time.Hour
	defaultSleep      = 30 * time.Minute
	defaultSnapshotAt = "03:00"
	defaultEvery      = 15 * time.Second
)

func (s *server) newUpkeep(c ServerConfig) *upkeep.Service {
	u := c.Upkeep
	return upkeep.New(upkeep.Config{Store: memories{s.store}, Work: chores{s}, Use: use{s}, Crons: crons{s}, Tidy: s.tidy,
		Prune: func(ctx context.Context, before time.Time) error { return s.control.Prune(ctx, before) },
		Rests: s.engine.Rests, Short: short("/proc/meminfo"),
		Disk: disk(c.Dir), Log: c.Log, Now: now, Elapsed: elapsed, Local: time.Local,
		Defaults:   upkeep.Defaults{TTL: cmp.Or(u.TTL, defaultTTL), Sleep: cmp.Or(u.Sleep, defaultSleep)},
		SnapshotAt: cmp.Or(u.SnapshotAt, defaultSnapshotAt), Every: cmp.Or(u.Every, defaultEvery),
		Changed: s.store.Subscribe})
}

// disk is how much is free where a folder lies.
func disk(dir string) upkeep.Disk {
	return func() (upkeep.Space, error) {
		var s syscall.Statfs_t
		err := syscall.Statfs(dir, &s)
		return upkeep.Space{Free: int64(s.Bavail) * int64(s.Bsize), Total: int64(s.Blocks) * int64(s.Bsize), //nolint:unconvert // the types differ by system
			FreeFiles: int64(s.Ffree), Files: int64(s.Files)}, err //nolint:unconvert // as above
	}
}

// memories is the store as upkeep sees it.
type memories struct{ *store.Store }

func (m memories) Write(ctx context.Context, do func(upkeep.Writer) error) error {
	return m.Store.Write(ctx, func(t *store.Tx) error { return do(t) })
}

func (m memories) Live(ctx context.Context) ([]staging.Environment, error) {
	var all []staging.Environment
	for e, err := range m.EveryEnvironment(ctx, store.EnvironmentFilter{}) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (m memories) Stack(ctx context.Context, e staging.Environment) (*staging.Stack, error) {
	if e.Deployed.Deployment == "" {
		return nil, nil
	}
	d, err := m.Deployment(ctx, e.Deployed.Deployment)
	return d.Stack, err
}

// chores are what upkeep has done, through the doors that people use.
type chores struct{ s *server }

func (c chores) Sleep(ctx context.Context, id string, deep bool) error {
	if deep {
		return c.s.control.SleepDeep(ctx, id)
	}
	_, err := c.s.control.Act(ctx, staging.AsleepIdle, id, "sleep", 0)
	return err
}

func (c chores) Expire(ctx context.Context, seen staging.Environment) error {
	return c.s.control.Expire(ctx, seen)
}

func (c chores) Snapshot(ctx context.Context, id string) error {
	_, run, err := c.s.engine.BeginSnapshot(ctx, reconcile.SnapshotRequest{Environment: id, Actor: "server", Automatic: true})
	if err != nil {
		return err
	}
	return run(ctx)
}

// crons runs cron jobs that are due.
type crons struct{ s *server }

func (c crons) On(e staging.Environment, job staging.Service) bool { return control.CronOn(e, job) }

func (c crons) Run(id, job string) {
	c.s.engine.Go(func(ctx context.Context) {
		code, err := c.s.engine.RunJob(ctx, id, job, func(platform.LogLine) error { return nil })
		switch {
		case staging.CodeOf(err) == staging.CodeConflict || ctx.Err() != nil:
			c.s.log.Debug("cron job", "environment", id, "job", job, "error", err)
		case err != nil || code != 0:
			c.s.log.Warn("cron job", "environment", id, "job", job, "exit", code, "error", err)
		}
	})
}

func (c chores) RemoveSnapshot(ctx context.Context, id string) error {
	return c.s.control.RemoveSnapshot(ctx, id)
}

func (c chores) Look(ctx context.Context, awake []string) error {
	for _, id := range awake {
		c.s.engine.Kick(id) // sees what has crashed, or stands again
	}
	return c.s.engine.KickDue(ctx)
}

// use is who uses environments now.
type use struct{ s *server }

func (u use) Activity() map[string]time.Time { return u.s.edge.Activity() }

func (u use) Open(id string) int { return u.s.edge.InFlight(id) + u.s.control.People(id) }

func (u use) Session(id string) bool { return u.s.control.People(id) > 0 }
