package platformtest

import (
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// rest holds that what rests stands still and is seen to, also by the next
// server, that it goes on where it was, and that it can be deleted.
func rest(f *fixture) {
	p := capability[platform.Rester](f, "rest")
	capability[platform.Logger](f, "logs")
	if f.bundles() {
		f.Skip("a set sleeps as it is told to")
	}
	f.enter()
	r, other := f.workload("tick", Program{Tick: true}), f.workload("other", Program{Stay: true})
	f.apply(r)
	f.apply(other)
	f.until(other, "running", running)
	q := platform.LogQuery{Owner: f.owner, Names: []string{r.Name}, Tail: -1}
	f.hear(q, func(platform.LogLine) bool { return true })
	still := func(o staging.Observation) bool { return o.Run == staging.RunPaused }
	for range 2 {
		if err := p.Rest(f.ctx, f.owner, []string{r.Name, other.Name}); err != nil {
			f.Fatal(err)
		}
		f.until(r, "at rest", still)
		f.again()
		p = f.Driver.(platform.Rester)
		if names := f.names(f.owner); len(names) < 3 {
			f.Errorf("what rests is not listed: %q", names)
		}
		f.nap("settle", 100*time.Millisecond)
	}
	before := len(f.lines(q))
	f.nap("look", 200*time.Millisecond)
	if after := len(f.lines(q)); after != before || !still(f.look(r)) {
		f.Errorf("at rest, it went on from %d to %d lines: %+v", before, after, f.look(r))
	}
	f.delete(other)
	for range 2 {
		if err := p.Resume(f.ctx, f.owner, []string{r.Name, other.Name}); err != nil {
			f.Fatal(err)
		}
	}
	n := 0
	f.hear(q, func(platform.LogLine) bool { n++; return n > before })
	if o := f.look(r); o.Run != staging.RunRunning || o.Restarts != 0 {
		f.Errorf("%+v", o)
	}
}
