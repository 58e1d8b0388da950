package platformtest

import (
	"slices"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// prepare holds that what was made ready is not seen until it is applied, and
// then runs, for the task once.
func prepare(f *fixture) {
	p := capability[platform.Preparer](f, "preparing")
	f.enter()
	if f.bundles() {
		return
	}
	for _, r := range []platform.Resource{f.task("migrate", Program{Say: []string{"begun"}}), f.workload("web", Program{Say: []string{"begun"}, Stay: true})} {
		for range 2 {
			if err := p.Prepare(f.ctx, r); err != nil {
				f.Fatalf("prepare %s: %v", r.Name, err)
			}
		}
		if o := f.look(r); o.Presence != staging.Absent {
			f.Errorf("only made ready, and %+v", o)
		}
		if lines := f.lines(platform.LogQuery{Owner: f.owner, Names: []string{r.Name}, Tail: -1}); len(lines) > 0 {
			f.Errorf("only made ready, and it wrote %q", lines)
		}
		f.apply(r)
		f.begins(r)
		if r.Kind == staging.ResourceTask {
			f.exit(r, 0)
		}
		if err := p.Prepare(f.ctx, r); err != nil { // too late: nothing happens
			f.Errorf("prepare what runs: %v", err)
		}
		f.said(r, 1)
		f.delete(r)
	}
}

// preparedInVain holds that nothing is left of what was made ready and then
// deleted, wanted otherwise, or forgotten by a server that ended.
func preparedInVain(f *fixture) {
	p := capability[platform.Preparer](f, "preparing")
	f.enter()
	if f.bundles() {
		return
	}
	ready := func(r platform.Resource) {
		f.Helper()
		if err := p.Prepare(f.ctx, r); err != nil {
			f.Fatalf("prepare: %v", err)
		}
	}
	r := f.workload("web", Program{Say: []string{"begun"}, Stay: true})
	ready(r)
	f.delete(r)
	if names := f.names(f.owner); slices.Contains(names, r.Name) {
		f.Errorf("deleted, and still listed: %q", names)
	}
	ready(r)
	other := f.workload("web", Program{Say: []string{"new"}, Stay: true})
	other.SpecHash = "another"
	f.apply(other)
	f.until(other, "running", running)
	f.hear(platform.LogQuery{Owner: f.owner, Names: []string{r.Name}, Tail: -1}, func(l platform.LogLine) bool { return string(l.Text) == "new" })
	f.delete(other)
	ready(r)
	f.again()
	f.apply(other) // its variables have changed meanwhile
	f.until(other, "running", running)
	f.delete(other)
	p = capability[platform.Preparer](f, "preparing")
	ready(r)
	f.again()
	f.apply(r)
	f.begins(r)
	f.said(r, 1)
	f.delete(r)
}

// begins waits until a resource says that it began.
func (f *fixture) begins(r platform.Resource) {
	f.Helper()
	f.hear(platform.LogQuery{Owner: f.owner, Names: []string{r.Name}, Tail: -1}, func(l platform.LogLine) bool { return string(l.Text) == "begun" })
}
