package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"offshoot/internal/staging"
)

const (
	// snapshotsEvery is how often it is looked for new projects and old
	// snapshots, retrySnapshot when one that failed is tried again.
	snapshotsEvery = 10 * time.Minute
	retrySnapshot  = 15 * time.Minute
	// snapshotsAfter is by how many times longer after a change than for the
	// rest it is looked.
	snapshotsAfter = 4
)

// daily is the next snapshot of one project's shared environment.
type daily struct {
	shared staging.Environment
	due    time.Time
}

// dailies are the projects whose shared environment has something to keep.
// Whatever the server missed while it was down is due now, once.
func (s *Service) dailies(ctx context.Context) ([]daily, error) {
	projects, err := s.Store.Projects(ctx)
	if err != nil {
		return nil, err
	}
	live, err := s.Store.Live(ctx)
	if err != nil {
		return nil, err
	}
	var list []daily
	for _, p := range projects {
		for _, e := range live {
			if e.Project != p.Name || e.Kind != staging.KindShared || e.Deployed.Deployment == "" || !e.DeleteRequestedAt.IsZero() {
				continue
			}
			stack, err := s.Store.Stack(ctx, e)
			if err != nil {
				return nil, err
			}
			if stack == nil || !keeps(stack) {
				continue
			}
			last, err := s.lastDaily(ctx, p, e)
			if err != nil {
				return nil, err
			}
			at := s.SnapshotAt
			if p.Policy.SnapshotAt != "" {
				at = p.Policy.SnapshotAt
			}
			due, err := nextDaily(last, at, s.Local)
			if err != nil {
				return nil, err
			}
			if !due.IsZero() {
				list = append(list, daily{e, due})
			}
		}
	}
	return list, nil
}

// keeps is whether a stack has data that a snapshot holds.
func keeps(stack *staging.Stack) bool {
	for _, d := range stack.Datastores {
		if d.Kind != "redis" { // sessions and jobs are no one else's
			return true
		}
	}
	for _, v := range stack.Volumes {
		if v.Clone {
			return true
		}
	}
	return false
}

// lastDaily is when the server last took one, or since when there is data.
func (s *Service) lastDaily(ctx context.Context, p staging.Project, shared staging.Environment) (time.Time, error) {
	list, err := s.Store.Snapshots(ctx, p.Name)
	if err != nil {
		return time.Time{}, err
	}
	last := shared.CreatedAt
	for _, x := range list {
		if x.Automatic && x.State == staging.SnapshotReady && x.Source == shared.ID && x.TakenAt.After(last) {
			last = x.TakenAt
		}
	}
	return last, nil
}

// snapshotsDue is when the next one is due, and whether one is late.
func (s *Service) snapshotsDue(ctx context.Context) (next time.Time, late bool, err error) {
	list, err := s.dailies(ctx)
	now := s.Now()
	for _, d := range list {
		if next.IsZero() || d.due.Before(next) {
			next = d.due
		}
		late = late || now.Sub(d.due) > snapshotLate
	}
	return next, late, err
}

// snapshots takes those that are due, one after the other, and lets go of those
// that retention no longer keeps.
func (s *Service) snapshots(ctx context.Context) (time.Time, error) {
	list, err := s.dailies(ctx)
	if err != nil {
		return time.Time{}, err
	}
	begun := s.Now()
	next := begun.Add(snapshotsEvery)
	var failed []error
	tried := false
	for _, d := range list {
		if d.due.After(s.Now()) {
			if d.due.Before(next) {
				next = d.due
			}
			continue
		}
		tried = true
		if why := s.Disk.Scarce(); why != "" {
			failed = append(failed, fmt.Errorf("snapshot of %s: %s", d.shared.Project, why))
			continue
		}
		if err := s.Work.Snapshot(ctx, d.shared.ID); err != nil {
			failed = append(failed, fmt.Errorf("snapshot of %s: %w", d.shared.Project, err))
		}
	}
	if tried {
		err := errors.Join(failed...)
		if err != nil {
			next = begun.Add(retrySnapshot)
			s.Log.Error("upkeep", "duty", TaskSnapshots, "error", err)
		}
		if err := s.note(ctx, TaskSnapshots, begun, time.Time{}, err); err != nil {
			return next, err
		}
	}
	return next, s.retain(ctx)
}

// retain lets superfluous snapshots go.
func (s *Service) retain(ctx context.Context) error {
	projects, err := s.Store.Projects(ctx)
	if err != nil {
		return err
	}
	live, err := s.Store.Live(ctx)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, e := range live {
		used[e.Desired.Snapshot], used[e.Desired.DataReset] = true, true
		for _, d := range e.Data {
			used[d.Snapshot] = true
		}
	}
	for _, p := range projects {
		used[p.Policy.SnapshotSource] = true
	}
	var failed []error
	for _, p := range projects {
		list, err := s.Store.Snapshots(ctx, p.Name)
		if err != nil {
			return err
		}
		for _, id := range superfluous(list, used, s.Now(), s.Local) {
			if err := s.Work.RemoveSnapshot(ctx, id); err != nil {
				failed = append(failed, fmt.Errorf("snapshot %s: %w", id, err))
			}
		}
	}
	return errors.Join(failed...)
}
