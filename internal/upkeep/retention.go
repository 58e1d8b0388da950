package upkeep

import (
	"slices"
	"time"

	"offshoot/internal/staging"
)

const (
	keepDaily  = 7
	keepWeekly = 4
	// keepFailed is how long a snapshot that failed can be looked at.
	keepFailed = 7 * 24 * time.Hour
)

// superfluous are the snapshots of one project that retention lets go: of those
// that the server took itself, the newest of each of the last 7 days and 4
// weeks that have one are kept, and whatever is the newest, in use, or a
// person's own. It is pure.
func superfluous(list []staging.Snapshot, inUse map[string]bool, now time.Time, local *time.Location) []string {
	newest := slices.Clone(list)
	slices.SortStableFunc(newest, func(a, b staging.Snapshot) int { return b.TakenAt.Compare(a.TakenAt) })
	days, weeks := map[time.Time]bool{}, map[[2]int]bool{}
	var gone []string
	first := true
	for _, s := range newest {
		if s.State == staging.SnapshotFailed && now.Sub(s.TakenAt) > keepFailed && !inUse[s.ID] {
			gone = append(gone, s.ID)
			continue
		}
		if s.State != staging.SnapshotReady || !s.Automatic {
			continue
		}
		at := s.TakenAt.In(local)
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		year, number := at.ISOWeek()
		week := [2]int{year, number}
		keep := first || inUse[s.ID]
		if !days[day] && len(days) < keepDaily {
			keep = true
		}
		if !weeks[week] && len(weeks) < keepWeekly {
			keep = true
		}
		days[day], weeks[week] = true, true
		first = false
		if !keep {
			gone = append(gone, s.ID)
		}
	}
	return gone
}

// nextDaily is the first time after an instant at which it is that hour and
// minute ("03:00") in a place; zero for "off".
func nextDaily(after time.Time, clock string, local *time.Location) (time.Time, error) {
	if clock == SnapshotOff {
		return time.Time{}, nil
	}
	t, err := time.Parse("15:04", clock)
	if err != nil {
		return time.Time{}, staging.Errorf(staging.CodeUsage, "for example 03:00, or off", "%q is no time of day", clock)
	}
	at := after.In(local)
	for day := 0; ; day++ {
		// A time that the clocks skip in spring is the hour after it.
		next := time.Date(at.Year(), at.Month(), at.Day()+day, t.Hour(), t.Minute(), 0, 0, local)
		if next.After(after) {
			return next.UTC(), nil
		}
	}
}
