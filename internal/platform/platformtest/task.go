package platformtest

import (
	"context"
	"sync"
	"time"

	"offshoot/internal/staging"
)

// sameRun is whether two observations are of one start.
func (f *fixture) sameRun(a, b staging.Observation) {
	f.Helper()
	if a.Ref != b.Ref || !a.StartedAt.Equal(b.StartedAt) || !a.ExitedAt.Equal(b.ExitedAt) {
		f.Errorf("started again: %+v, then %+v", a, b)
	}
}

func taskRunsOnce(f *fixture) {
	f.enter()
	r := f.task("migrate", Program{Say: []string{"begun"}, Code: 7})
	f.apply(r)
	first := f.exit(r, 7)
	f.sameRun(first, f.apply(r))
	f.again()
	f.sameRun(first, f.apply(r))
	f.said(r, 1)
	f.delete(r)
}

// taskIsStartedByOne holds that whoever asks at the same time starts nothing
// twice.
func taskIsStartedByOne(f *fixture) {
	f.enter()
	r := f.task("migrate", Program{Say: []string{"begun"}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := f.Driver.Apply(f.ctx, r); err != nil {
				f.Errorf("one of many: %v", err)
			}
		})
	}
	all.Wait()
	f.apply(r)
	f.exit(r, 0)
	f.said(r, 1)
}

func taskFails(f *fixture) {
	f.enter()
	r := f.task("migrate", Program{Code: 3})
	f.apply(r)
	if o := f.exit(r, 3); o.ExitedAt.IsZero() || o.Reason == "" || o.Ending != staging.EndingOwn {
		f.Errorf("nothing says when and how it ended: %+v", o)
	}
}

func taskTimeLimit(f *fixture) {
	f.enter()
	r := f.task("hang", Program{Stay: true, Timeout: 100 * time.Millisecond})
	f.apply(r)
	if o := f.until(r, "ended", exited); o.ExitCode == nil || *o.ExitCode == 0 || o.Reason == "" || o.Ending != staging.EndingTime {
		f.Errorf("%+v", o)
	}
}

// taskMemoryLimit asks for more memory than it may have.
func taskMemoryLimit(f *fixture) {
	if f.LimitsMemory != nil {
		f.LimitsMemory(f.T, f.Driver)
	}
	f.enter()
	r := f.task("hungry", Program{Greedy: true})
	r.Workload.Limits.Memory = 64 << 20
	f.apply(r)
	if o := f.until(r, "ended", exited); o.ExitCode == nil || *o.ExitCode == 0 || o.Ending != staging.EndingMemory {
		f.Errorf("%+v", o)
	}
}

func taskIsAdopted(f *fixture) {
	f.enter()
	r := f.task("slow", Program{Say: []string{"begun"}, Nap: 300 * time.Millisecond, Code: 4})
	f.apply(r)
	f.again()
	f.apply(r)
	f.exit(r, 4)
	f.said(r, 1)
}

func waitingIsPatient(f *fixture) {
	f.enter()
	r := f.task("stay", Program{Stay: true})
	f.apply(r)
	seen := f.until(r, "running", running)
	// What was seen is not what is: the answer comes at once.
	if o, err := f.Wait(f.ctx, ref(r), staging.Observation{Presence: staging.Absent}); err != nil || o.Run != staging.RunRunning {
		f.Errorf("%+v, %v", o, err)
	}
	ctx, cancel := context.WithTimeout(f.ctx, 100*time.Millisecond)
	defer cancel()
	o, err := f.Wait(ctx, ref(r), seen)
	if err != nil || o.Run != staging.RunRunning {
		f.Errorf("an impatient wait answers %+v, %v", o, err)
	}
	if ctx.Err() == nil {
		f.Error("it did not wait: nothing had changed")
	}
}

func waitingForDeletion(f *fixture) {
	f.enter()
	r := f.task("stay", Program{Stay: true})
	f.apply(r)
	seen := f.until(r, "running", running)
	waited := make(chan staging.Observation, 1)
	go func() {
		o, err := f.Driver.Wait(f.ctx, ref(r), seen)
		for err == nil && o.Presence == staging.Present && f.ctx.Err() == nil {
			o, err = f.Driver.Wait(f.ctx, ref(r), o)
		}
		waited <- o
	}()
	if err := f.Open(f.T).Delete(f.ctx, ref(r)); err != nil {
		f.Fatal(err)
	}
	if o := <-waited; o.Presence != staging.Absent {
		f.Errorf("who waited was told %+v", o)
	}
}
