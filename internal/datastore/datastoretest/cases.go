package datastoretest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

func empty(f *fixture) {
	c := f.clone("")
	if made := f.make(c); !made.Empty {
		f.Errorf("made from nothing, and not empty: %+v", made)
	}
	s := f.serve(c)
	f.holds(s, "")
	f.put(s, "hello")
	f.holds(s, "hello")
}

func kept(f *fixture) {
	c := f.clone("")
	f.make(c)
	s := f.serve(c)
	f.put(s, "hello")
	f.make(c)
	f.holds(s, "hello")
	if beside := f.beside(c); len(beside) > 0 {
		f.Errorf("beside it lies %v", beside)
	}
}

func outlives(f *fixture) {
	c := f.clone("")
	f.make(c)
	s := f.serve(c)
	f.put(s, "hello")
	f.stop(s)
	f.start(s)
	f.holds(s, "hello")
}

// clone holds that a copy has the content and a password of its own, and that
// neither sees what the other writes.
func clone(f *fixture) {
	c := f.clone("")
	f.make(c)
	first := f.serve(c)
	f.put(first, "hello")
	f.stop(first)
	other := f.clone(c.Dir)
	if made := f.make(other); made.Empty {
		f.Errorf("copied, and empty: %+v", made)
	}
	second := f.serve(other)
	f.holds(second, "hello")
	f.put(second, "changed")
	f.start(first)
	f.holds(first, "hello")
	if f.Open {
		return
	}
	wrong := *second
	wrong.Password = first.Password
	var err error
	if wrong.serving, err = f.Driver.Serve(f.ctx, wrong.Clone, wrong.at); err != nil {
		f.Fatal(err)
	}
	if text, err := f.Get(f.ctx, wrong.Clone, wrong.serving); err == nil {
		f.Errorf("the other's password opens it: %q", text)
	}
}

// pausedCopy holds that what is copied while everything stands still is what a
// kill at that instant would have left.
func pausedCopy(f *fixture) {
	pauser, ok := f.Platform.(platform.Pauser)
	if !ok {
		f.Skipf("%s does not pause", f.Platform.Traits().Name)
	}
	c := f.clone("")
	f.make(c)
	first := f.serve(c)
	f.put(first, "hello")
	if err := f.Driver.Quiet(f.ctx, c, first.at); err != nil {
		f.Errorf("quiet: %v", err)
	}
	if err := pauser.Pause(f.ctx, c.Owner, []string{first.server.Name}); err != nil {
		f.Fatal(err)
	}
	other := f.clone(c.Dir)
	f.make(other)
	if err := pauser.Resume(f.ctx, c.Owner, []string{first.server.Name}); err != nil {
		f.Fatal(err)
	}
	f.put(first, "later")
	f.holds(f.serve(other), "hello")
}

func backup(f *fixture) {
	b, ok := f.Driver.(datastore.Backuper)
	if !ok {
		f.Skipf("%s is not backed up while it runs", f.Driver.Kind())
	}
	c := f.clone("")
	f.make(c)
	first := f.serve(c)
	f.put(first, "hello")
	dir := filepath.Join(f.Dir, "backup")
	if err := b.Backup(f.ctx, c, first.at, dir, nil); err != nil {
		f.Fatal(err)
	}
	f.put(first, "later")
	other := f.clone(dir)
	f.make(other)
	f.holds(f.serve(other), "hello")
}

// impatientMake holds that data is whole or absent.
func impatientMake(f *fixture) {
	c := f.clone("")
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, failed := f.Driver.Make(ctx, c, nil)
	if _, err := os.Lstat(c.Dir); failed == nil && err != nil {
		f.Errorf("make said nothing, and left %v", err)
	}
	f.make(c)
	if beside := f.beside(c); len(beside) > 0 {
		f.Errorf("beside it lies %v", beside)
	}
	f.holds(f.serve(c), "")
}

func missingVersion(f *fixture) {
	if f.Missing == "" {
		f.Skipf("%s has no versions", f.Driver.Kind())
	}
	c := f.clone("")
	c.Store.Version = f.Missing
	_, err := f.Driver.Make(f.ctx, c, nil)
	var e *staging.Error
	if !errors.As(err, &e) || e.Hint == "" {
		f.Errorf("nothing says what to do: %v", err)
	}
	if _, err := os.Lstat(c.Dir); err == nil {
		f.Error("refused, and made")
	}
}

func readyIsPatient(f *fixture) {
	c := f.clone("")
	f.make(c)
	serving, err := f.Driver.Serve(f.ctx, c, datastore.Endpoint{Host: "127.0.0.1", Port: 1})
	if err != nil {
		f.Fatal(err)
	}
	if serving.Workload.Command.Empty() {
		f.Skipf("%s needs no server", f.Driver.Kind())
	}
	ctx, cancel := context.WithTimeout(f.ctx, 100*time.Millisecond)
	defer cancel()
	if err := f.Driver.Ready(ctx, c, datastore.Endpoint{Host: "127.0.0.1", Port: 1}); !errors.Is(err, context.DeadlineExceeded) || err.Error() == ctx.Err().Error() {
		f.Errorf("nothing runs; it should say that its time was over and what it heard last: %v", err)
	}
}

func noSecretInArguments(f *fixture) {
	c := f.clone("")
	f.make(c)
	for range 2 { // and the answer is the same each time
		s, err := f.Driver.Serve(f.ctx, c, datastore.Endpoint{Host: "127.0.0.1", Port: 4242})
		if err != nil {
			f.Fatal(err)
		}
		if contains(s.Workload.Command.Args, c.Password) || contains([]string{s.Workload.Command.Shell}, c.Password) {
			f.Errorf("the password is in the command")
		}
	}
}

func verify(f *fixture) {
	v, ok := f.Driver.(datastore.Verifier)
	if !ok {
		f.Skipf("%s is not verified", f.Driver.Kind())
	}
	c := f.clone("")
	f.make(c)
	s := f.serve(c)
	f.put(s, "hello")
	report, err := v.Verify(f.ctx, c, s.at)
	if err != nil || report.Summary == "" || report.SizeBytes <= 0 {
		f.Errorf("%+v, %v", report, err)
	}
	f.stop(s)
	ctx, cancel := context.WithTimeout(f.ctx, time.Second)
	defer cancel()
	if report, err := v.Verify(ctx, c, s.at); err == nil {
		f.Errorf("nothing runs, and it is verified: %+v", report)
	}
	if err := v.Trim(f.ctx, c.Dir); err != nil {
		f.Fatal(err)
	}
	f.start(s)
	f.holds(s, "hello")
}

func fingerprint(f *fixture) {
	i, ok := f.Driver.(datastore.Inspector)
	if !ok || len(f.Migrations) == 0 {
		f.Skipf("%s has no schema", f.Driver.Kind())
	}
	c := f.clone("")
	f.make(c)
	s := f.serve(c)
	f.put(s, "hello")
	ask := func() string {
		f.Helper()
		text, err := i.Fingerprint(f.ctx, c, s.at)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	before := ask()
	f.put(s, "hello again")
	if after := ask(); after != before {
		f.Errorf("data changed the schema's fingerprint from %q to %q", before, after)
	}
	for n, migrate := range f.Migrations {
		if err := migrate(f.ctx, s.serving); err != nil {
			f.Fatal(err)
		}
		after := ask()
		if after == before {
			f.Errorf("migration %d leaves the fingerprint %q", n, before)
		}
		before = after
	}
}
