package upkeep

import (
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offshoot/internal/staging"
)

// jobs counts what was started.
type jobs struct {
	mu  sync.Mutex
	ran map[string]int
}

func (j *jobs) On(e staging.Environment, x staging.Service) bool {
	return x.Schedule != "" && (x.ScheduleEnabled || e.Kind == staging.KindShared)
}

func (j *jobs) Run(environment, job string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ran == nil {
		j.ran = map[string]int{}
	}
	j.ran[environment+"/"+job]++
}

func TestCronJobsRunWhenTheirTimeComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		stack := &staging.Stack{Sleep: staging.Sleep{Never: true}, Services: []staging.Service{{Name: "web"}, {Name: "often", Schedule: "*/15 * * * *"},
			{Name: "nightly", Schedule: "0 3 * * *", ScheduleEnabled: true}, {Name: "wrong", Schedule: "never"}}}
		for id, change := range map[string]func(*staging.Environment){
			"env_shared": func(e *staging.Environment) { e.Kind, e.Pinned = staging.KindShared, true },
			"env_branch": func(e *staging.Environment) { e.Pinned = true },
			"env_asleep": func(e *staging.Environment) { e.Pinned, e.Awake, e.Phase = true, false, staging.PhaseAsleep },
		} {
			w.add(id, change)
			w.stacks[id] = stack
		}
		s := w.started(t)
		pass(4*time.Hour + time.Minute)
		want := map[string]int{"env_shared/often": 16, "env_shared/nightly": 1, "env_branch/nightly": 1}
		if !maps.Equal(w.jobs.ran, want) {
			t.Errorf("ran %v, want %v", w.jobs.ran, want)
		}
		// What was missed is not made up for.
		s.Stop()
		pass(10 * time.Hour)
		w.started(t)
		pass(time.Minute)
		if !maps.Equal(w.jobs.ran, want) {
			t.Errorf("after being down: %v", w.jobs.ran)
		}
	})
}
