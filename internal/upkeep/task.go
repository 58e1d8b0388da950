package upkeep

import (
	"context"
	"time"
)

// The duties that people watch.
const (
	TaskSweeper   = "sweeper"
	TaskSnapshots = "snapshots"
	taskIdle      = "idle"
	taskTidy      = "tidy"
)

const (
	// sweeperLate and snapshotLate are how long after its time a duty that has
	// not succeeded counts as late.
	sweeperLate  = 10 * time.Minute
	snapshotLate = 2 * time.Hour
)

// Task is how one duty stands. It holds across restarts.
type Task struct {
	Name          string    `json:"name"`
	LastRunAt     time.Time `json:"last_run_at"`
	LastSuccessAt time.Time `json:"last_success_at"`
	// NextAt is when it is due, zero for not.
	NextAt time.Time `json:"next_at"`
	// Problem is why it did not succeed, "" where it did.
	Problem string `json:"problem"`
	Late    bool   `json:"-"`
}

func taskSetting(name string) string { return "upkeep.task." + name }

// note remembers how a duty ended; a zero next changes nothing of when it is due.
func (s *Service) note(ctx context.Context, name string, begun, next time.Time, failed error) error {
	return s.Store.Write(ctx, func(w Writer) error {
		t := Task{}
		if err := loadSetting(ctx, w, taskSetting(name), &t); err != nil {
			return err
		}
		t.Name, t.LastRunAt, t.Problem = name, begun, ""
		if !next.IsZero() {
			t.NextAt = next
		}
		if failed != nil {
			t.Problem = failed.Error()
		} else {
			t.LastSuccessAt = s.Now()
		}
		return saveSetting(ctx, w, taskSetting(name), t)
	})
}

// Tasks are the duties that people watch, and whether one is late.
func (s *Service) Tasks(ctx context.Context) ([]Task, error) {
	now := s.Now()
	list := []Task{{Name: TaskSweeper}, {Name: TaskSnapshots}}
	for i := range list {
		if err := loadSetting(ctx, s.Store, taskSetting(list[i].Name), &list[i]); err != nil {
			return nil, err
		}
	}
	sweeper, snapshots := &list[0], &list[1]
	halted, err := s.halted(ctx)
	if err != nil {
		return nil, err
	}
	if halted != "" {
		sweeper.Problem, sweeper.Late = halted, true
	}
	sweeper.Late = sweeper.Late || overdue(*sweeper, now)
	due, late, err := s.snapshotsDue(ctx)
	if err != nil {
		return nil, err
	}
	snapshots.NextAt, snapshots.Late = due, late
	return list, nil
}

// overdue is whether a duty should have succeeded since.
func overdue(t Task, now time.Time) bool {
	return !t.NextAt.IsZero() && now.Sub(t.NextAt) > sweeperLate && t.LastSuccessAt.Before(t.NextAt)
}
