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
	// plenty bytes, and so many files, are never scarce, however large the disk.
	plenty      = 50 << 30
	plentyFiles = 10 << 20
	diskEvery   = 15 * time.Second
)

// Disk is how much room there is on the data folder's disk.
type Disk func() (Space, error)

// Space is the room on a disk: in bytes, and in files, of which a file system
// may hold so many and no more; one that has no such number says 0.
type Space struct{ Free, Total, FreeFiles, Files int64 }

// Scarce is why no new environment and no snapshot may be begun, "" where one
// may. A disk that cannot be asked stops nobody: what fails then says so.
func (d Disk) Scarce() string {
	s, err := d()
	switch {
	case err != nil:
		return ""
	case s.bytesUnder(scarcePercent):
		return fmt.Sprintf("%d %% of the disk is free, %d %% is needed for anything new", s.Free*100/max(1, s.Total), scarcePercent)
	case s.filesUnder(scarcePercent):
		return fmt.Sprintf("%d %% of the files that the disk can hold are free, %d %% are needed for anything new", s.FreeFiles*100/max(1, s.Files), scarcePercent)
	}
	return ""
}

func (s Space) bytesUnder(percent int64) bool {
	return s.Free < plenty && s.Free < s.Total/100*percent
}

func (s Space) filesUnder(percent int64) bool {
	return s.FreeFiles < plentyFiles && s.FreeFiles < s.Files/100*percent
}

// disk tells people once when the disk is nearly full, and once when it is no
// longer; what waits for space is looked at when there is some.
func (s *Service) disk(ctx context.Context) (time.Time, error) {
	next := s.Now().Add(diskEvery)
	space, err := s.Disk()
	if err != nil {
		return next, err
	}
	few := space.filesUnder(alarmPercent)
	low := few || space.bytesUnder(alarmPercent)
	if low == s.low {
		return next, nil
	}
	s.low = low
	if low {
		s.schedule.soon(taskTidy, tidySoon)
	}
	percent := space.Free * 100 / max(1, space.Total)
	kind, message := "disk.low", fmt.Sprintf("only %d %% of the disk is free: %d MB; destroy what nobody needs, or free space", percent, space.Free>>20)
	switch {
	case !low:
		kind, message = "disk.recovered", fmt.Sprintf("%d %% of the disk is free again", percent)
	case few:
		message = fmt.Sprintf("only %d more files can be made on the disk; destroy what nobody needs, or remove files", space.FreeFiles)
	}
	return next, s.Store.Write(ctx, func(w Writer) error {
		_, err := w.AppendEvent(ctx, staging.Event{At: s.Now(), Type: kind, Actor: "server", Message: message,
			Detail: map[string]any{"free_bytes": space.Free, "total_bytes": space.Total, "free_files": space.FreeFiles, "total_files": space.Files}})
		return err
	})
}
