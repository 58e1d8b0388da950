package upkeep

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // zones also where the system has none

	"pgregory.net/rapid"

	"offshoot/internal/staging"
)

func shared(w *world) {
	w.add("env_shared", func(e *staging.Environment) { e.Kind = staging.KindShared })
	w.stacks["env_shared"] = &staging.Stack{Datastores: []staging.Datastore{{Name: "db", Kind: "postgres"}}}
}

// The bubble's clock begins at midnight UTC.
func TestSharedStagingIsTakenEachNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		shared(w)
		w.add("env_a", nil)
		s := w.started(t)
		pass(2*time.Hour + 50*time.Minute)
		if w.shots() != 0 {
			t.Errorf("%d too early", w.shots())
		}
		pass(20 * time.Minute)
		if w.shots() != 1 {
			t.Errorf("%d at three", w.shots())
		}
		pass(48 * time.Hour)
		if w.shots() != 3 {
			t.Errorf("%d in three nights", w.shots())
		}
		tasks, err := s.Tasks(t.Context())
		if err != nil || tasks[1].LastSuccessAt.IsZero() || tasks[1].Late || tasks[1].NextAt.Hour() != 3 {
			t.Errorf("%v %+v", err, tasks[1])
		}
		// Missed ones are made up, once.
		s.Stop()
		pass(100 * time.Hour)
		w.started(t)
		pass(time.Minute)
		if w.shots() != 4 {
			t.Errorf("%d after being down", w.shots())
		}
		pass(time.Hour)
		if w.shots() != 4 {
			t.Errorf("%d an hour later", w.shots())
		}
	})
}

func TestASnapshotThatFailsIsTriedAgainAndLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		shared(w)
		s := w.started(t)
		w.mu.Lock()
		w.free = 10 << 20 // 10 %
		w.mu.Unlock()
		pass(4 * time.Hour)
		tasks, err := s.Tasks(t.Context())
		if err != nil || w.shots() != 0 || tasks[1].Late || tasks[1].Problem == "" {
			t.Errorf("%v, %d taken: %+v", err, w.shots(), tasks[1])
		}
		pass(90 * time.Minute)
		if tasks, _ = s.Tasks(t.Context()); !tasks[1].Late {
			t.Errorf("not late: %+v", tasks[1])
		}
		w.mu.Lock()
		w.free = 90 << 20
		w.mu.Unlock()
		pass(20 * time.Minute)
		if tasks, _ = s.Tasks(t.Context()); w.shots() != 1 || tasks[1].Late || tasks[1].Problem != "" {
			t.Errorf("%d taken: %+v", w.shots(), tasks[1])
		}
	})
}

func TestNoSnapshotWhereThereIsNothingOrNobodyWantsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.projects = []staging.Project{{Name: "shop", Policy: staging.Policy{SnapshotAt: "off"}}, {Name: "empty"}, {Name: "late", Policy: staging.Policy{SnapshotAt: "05:30"}}}
		shared(w)
		w.add("env_empty", func(e *staging.Environment) { e.Kind, e.Project = staging.KindShared, "empty" })
		w.stacks["env_empty"] = &staging.Stack{Datastores: []staging.Datastore{{Name: "redis", Kind: "redis"}}}
		w.add("env_late", func(e *staging.Environment) { e.Kind, e.Project = staging.KindShared, "late" })
		w.stacks["env_late"] = &staging.Stack{Volumes: []staging.Volume{{Name: "files", Clone: true}}}
		w.started(t)
		pass(5 * time.Hour)
		if w.shots() != 0 {
			t.Errorf("%d", w.shots())
		}
		pass(time.Hour)
		if w.shots() != 1 {
			t.Errorf("%d", w.shots())
		}
	})
}

func TestTheDiskIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.started(t)
		for _, x := range []struct {
			free              int64
			scarce            bool
			alarms, recovered int
		}{{16, false, 0, 0}, {14, true, 0, 0}, {7, true, 1, 0}, {7, true, 1, 0}, {20, false, 1, 1}, {1, true, 2, 1}} {
			w.mu.Lock()
			w.free = x.free << 20
			w.mu.Unlock()
			pass(time.Minute)
			if why := s.Disk.Scarce(); (why != "") != x.scarce || w.told("disk.low") != x.alarms || w.told("disk.recovered") != x.recovered {
				t.Errorf("%d %%: %q, %d alarms, %d recoveries", x.free, why, w.told("disk.low"), w.told("disk.recovered"))
			}
		}
		pass(72 * time.Hour)
		w.mu.Lock()
		if w.tidied < 3 || w.tidied > 5 {
			t.Errorf("tidied %d times in three days", w.tidied)
		}
		w.mu.Unlock()
		unknown := Disk(func() (Space, error) { return Space{}, errors.New("broken") })
		large := Disk(func() (Space, error) {
			return Space{Free: 60 << 30, Total: 10 << 40, FreeFiles: 20 << 20, Files: 640 << 20}, nil
		})
		if unknown.Scarce() != "" || large.Scarce() != "" {
			t.Error("scarce")
		}
	})
}

// A disk can have room for bytes and none for a file.
func TestTheDisksFilesAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.free, w.freeFiles, w.files = 90<<20, 70, 1000
		s := w.started(t)
		pass(time.Minute)
		if why := s.Disk.Scarce(); why != "7 % of the files that the disk can hold are free, 15 % are needed for anything new" || w.told("disk.low") != 1 {
			t.Errorf("%q, %d alarms", why, w.told("disk.low"))
		}
		w.mu.Lock()
		w.freeFiles = 900
		w.mu.Unlock()
		pass(time.Minute)
		if why := s.Disk.Scarce(); why != "" || w.told("disk.recovered") != 1 {
			t.Errorf("%q, %d recoveries", why, w.told("disk.recovered"))
		}
	})
}

func TestNextDaily(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ after, clock, want string }{
		{"2026-11-25T12:00:00Z", "03:00", "2026-11-26T02:00:00Z"},
		{"2026-11-25T01:59:59Z", "03:00", "2026-11-25T02:00:00Z"},
		{"2026-11-25T02:00:00Z", "03:00", "2026-11-26T02:00:00Z"},
		{"2026-12-31T23:30:00Z", "00:15", "2027-01-01T23:15:00Z"},
		{"2026-03-28T12:00:00Z", "02:30", "2026-03-29T01:30:00Z"}, // a time that does not exist
	} {
		after, _ := time.Parse(time.RFC3339, x.after)
		if got, err := nextDaily(after, x.clock, berlin); err != nil || got.Format(time.RFC3339) != x.want {
			t.Errorf("%s after %s: %s %v, want %s", x.clock, x.after, got, err, x.want)
		}
	}
	if got, err := nextDaily(time.Now(), "off", berlin); err != nil || !got.IsZero() {
		t.Error(got, err)
	}
	if _, err := nextDaily(time.Now(), "25:00", berlin); err == nil {
		t.Error("25:00")
	}
}

func TestRetention(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
		used := map[string]bool{}
		var list []staging.Snapshot
		for i := range rapid.IntRange(0, 60).Draw(t, "count") {
			s := staging.Snapshot{ID: fmt.Sprint(i), Automatic: rapid.IntRange(0, 9).Draw(t, "automatic") > 0, State: staging.SnapshotReady,
				TakenAt: now.Add(-time.Duration(rapid.IntRange(0, 60*24*60).Draw(t, "age")) * time.Minute)}
			switch rapid.IntRange(0, 9).Draw(t, "special") {
			case 0:
				used[s.ID] = true
			case 1:
				s.State = rapid.SampledFrom([]staging.SnapshotState{staging.SnapshotFailed, staging.SnapshotTaking, staging.SnapshotVerifying}).Draw(t, "state")
			}
			list = append(list, s)
		}
		gone := superfluous(list, used, now, time.UTC)
		left := slices.DeleteFunc(slices.Clone(list), func(s staging.Snapshot) bool { return slices.Contains(gone, s.ID) })
		var newest staging.Snapshot
		days, weeks, kept := map[string]bool{}, map[string]bool{}, map[string]bool{}
		plain := 0
		for _, s := range list {
			ready := s.State == staging.SnapshotReady
			if slices.Contains(gone, s.ID) && (used[s.ID] || !s.Automatic && ready || s.State == staging.SnapshotTaking || s.State == staging.SnapshotVerifying) {
				t.Fatalf("%+v is let go", s)
			}
			if ready && s.Automatic {
				year, week := s.TakenAt.ISOWeek()
				days[s.TakenAt.Format(time.DateOnly)], weeks[fmt.Sprint(year, week)] = true, true
				if s.TakenAt.After(newest.TakenAt) {
					newest = s
				}
			}
		}
		for _, s := range left {
			kept[s.TakenAt.Format(time.DateOnly)] = true
			if s.State == staging.SnapshotReady && s.Automatic && !used[s.ID] {
				plain++
			}
		}
		if slices.Contains(gone, newest.ID) && newest.ID != "" {
			t.Fatal("the newest is let go")
		}
		if plain > keepDaily+keepWeekly {
			t.Fatalf("%d are kept", plain)
		}
		sorted := slices.Sorted(maps.Keys(days))
		slices.Reverse(sorted)
		for _, day := range sorted[:min(keepDaily, len(sorted))] {
			if !kept[day] {
				t.Fatalf("nothing is kept of %s", day)
			}
		}
		if again := superfluous(left, used, now, time.UTC); len(again) != 0 {
			t.Fatalf("a second look lets go of %v", again)
		}
	})
}

func TestOutages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
		var all outages
		up := make([]bool, 5000)
		for i := range up {
			up[i] = true
		}
		for range rapid.IntRange(0, 20).Draw(t, "count") {
			from := rapid.IntRange(0, 1000).Draw(t, "from")
			to := from + rapid.IntRange(-5, 100).Draw(t, "length")
			all = all.with(outage{minute(from), minute(to)})
			for i := from; i < to; i++ {
				up[i] = false
			}
		}
		from, d := rapid.IntRange(0, 1200).Draw(t, "begin"), rapid.IntRange(1, 500).Draw(t, "wanted")
		end := from
		for left := d; left > 0; end++ {
			if up[end] {
				left--
			}
		}
		// The instant is the first at which that much went by: what is down right
		// after it belongs to later.
		if got := all.after(minute(from), time.Duration(d)*time.Minute); !got.Equal(minute(end)) {
			t.Fatalf("after minute %d, %d minutes up end at %s, want minute %d (%v)", from, d, got.Sub(base), end, all)
		}
	})
}
