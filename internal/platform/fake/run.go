package fake

import (
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

const (
	// failingAfter is the crash that makes a loop of them.
	failingAfter = 3
	restartPause = time.Millisecond
	tickEvery    = 5 * time.Millisecond
	settleAfter  = time.Millisecond
)

// begin starts what t describes; the world's lock is held.
func (w *World) begin(t *thing) {
	w.starts[t.resource.Name]++
	t.seen.Run, t.seen.StartedAt = staging.RunRunning, time.Now()
	if t.does.hasArtifact {
		w.starts[t.resource.Name]--
		w.exit(t, 0, "kept from an earlier build")
		return
	}
	for _, line := range t.does.Say {
		w.say(t, line)
	}
	if t.does.Read {
		w.say(t, w.artifacts[t.resource.Workload.Artifact])
	}
	limit := time.Duration(0)
	if t.resource.Workload != nil {
		limit = t.resource.Workload.Timeout
	}
	switch {
	case t.does.Tick:
		w.tick(t)
	case t.does.Stay && limit > 0:
		w.later(t, limit, func() { w.cut(t, 124, "ran longer than "+limit.String(), staging.EndingTime) })
	case t.does.Stay:
	case t.does.Nap > 0:
		w.later(t, t.does.Nap, func() { w.exit(t, t.does.Code, "") })
	case t.does.Greedy:
		w.cut(t, 137, "killed: out of memory", staging.EndingMemory)
	default:
		w.exit(t, t.does.Code, "")
	}
}

func (w *World) tick(t *thing) {
	w.later(t, tickEvery, func() {
		if !t.paused {
			w.say(t, "tick")
		}
		w.tick(t)
	})
}

func (w *World) say(t *thing, text string) {
	service := "build"
	if t.resource.Workload != nil {
		service = t.resource.Workload.Service
	}
	t.lines = append(t.lines, platform.LogLine{At: time.Now().UTC(), Name: t.resource.Name, Service: service, Stream: "stdout", Text: []byte(text)})
	w.change()
}

// exit ends what runs by its own doing.
func (w *World) exit(t *thing, code int, reason string) {
	if reason == "" {
		reason = "exited"
	}
	w.cut(t, code, reason, staging.EndingOwn)
}

// cut ends what runs; a workload that crashed is started again.
func (w *World) cut(t *thing, code int, reason string, ending staging.Ending) {
	t.stopTimers()
	t.seen.Reason, t.seen.Ending = reason, ending
	defer w.change()
	once := t.resource.Workload != nil && t.resource.Workload.Once && code == 0
	if t.resource.Kind == staging.ResourceWorkload && t.resource.Workload.Restart && !once {
		t.seen.Restarts++
		t.seen.Run = staging.RunRestarting
		if t.seen.Restarts >= failingAfter {
			t.seen.Run = staging.RunFailing
		}
		w.later(t, restartPause<<min(t.seen.Restarts, 10), func() { w.begin(t) })
		return
	}
	t.seen.Run, t.seen.ExitCode, t.seen.ExitedAt = staging.RunExited, &code, time.Now()
	if once && t.resource.Workload.Restart {
		t.seen.Run = staging.RunDone
	}
	if t.resource.Build != nil && code == 0 {
		t.seen.Ref = "artifact " + t.resource.Build.Key
		for _, p := range t.resource.Build.Pulls {
			if t.seen.Images == nil {
				t.seen.Images = map[string]staging.UsedImage{}
			}
			t.seen.Images[p.Name] = staging.UsedImage{Ref: p.Ref, Run: "got " + p.Ref}
		}
		if !t.does.hasArtifact {
			w.artifacts[t.seen.Ref] = t.does.Write
		}
	}
}
