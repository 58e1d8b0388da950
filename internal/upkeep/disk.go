package upkeep

import (
	"context"
	"fmt"
	"time"

	"offshoot/internal/staging"
)

const (
	// scarcePercent is under how much free disk nothing new is begun, alarmPercent
	// when people are told.
	scarcePercent = 15
	alarmPercent  = 8
	// plenty is never scarce, however large the disk.
	plenty    = 50 << 30
	diskEvery = 15 * time.Second
)

// Scarce is why no new environment and no snapshot may be begun, "" where one
// may. A disk that cannot be asked stops nobody: what fails then says so.
func (d Disk) Scarce() string {
	free, total, err := d()
	if err != nil || free >= plenty || !under(free, total, scarcePercent) {
		return ""
	}
	return fmt.Sprintf("%d %% of the disk is free, %d %% is needed for anything new", free*100/max(1, total), scarcePercent)
}

func under(free, total int64, percent int64) bool { return free < total/100*percent }

// disk tells people once when the disk is nearly full, and once when it is no
// longer; what waits for space is looked at when there is some.
func (s *Service) disk(ctx context.Context) (time.Time, error) {
	next := s.Now().Add(diskEvery)
	free, total, err := s.Disk()
	if err != nil {
		return next, err
	}
	low := free < plenty && under(free, total, alarmPercent)
	if low == s.low {
		return next, nil
	}
	s.low = low
	if low {
		s.schedule.soon(taskTidy, tidySoon)
	}
	kind, message := "disk.low", fmt.Sprintf("only %d %% of the disk is free: %d MB; destroy what nobody needs, or free space", free*100/max(1, total), free>>20)
	if !low {
		kind, message = "disk.recovered", fmt.Sprintf("%d %% of the disk is free again", free*100/max(1, total))
	}
	return next, s.Store.Write(ctx, func(w Writer) error {
		_, err := w.AppendEvent(ctx, staging.Event{At: s.Now(), Type: kind, Actor: "server", Message: message, Detail: map[string]any{"free_bytes": free, "total_bytes": total}})
		return err
	})
}
