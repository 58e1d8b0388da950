package platformtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// capability is the driver as a T, or the end of the test, by name.
func capability[T any](f *fixture, name string) T {
	f.Helper()
	c, ok := f.Driver.(T)
	if !ok {
		f.Skipf("%s does not support %s", f.Traits().Name, name)
	}
	return c
}

// lines reads what resources wrote to their standard output.
func (f *fixture) lines(q platform.LogQuery) []string {
	f.Helper()
	var lines []string
	err := capability[platform.Logger](f, "logs").Logs(f.ctx, q, func(l platform.LogLine) error {
		if l.Stream == "stdout" {
			lines = append(lines, string(l.Text))
		}
		return nil
	})
	if err != nil {
		f.Fatalf("logs: %v", err)
	}
	return lines
}

// said holds how often a resource said "begun", where that can be known.
func (f *fixture) said(r platform.Resource, times int) {
	f.Helper()
	if _, ok := f.Driver.(platform.Logger); !ok {
		return
	}
	n := 0
	for _, l := range f.lines(platform.LogQuery{Owner: r.Owner, Names: []string{r.Name}, Tail: -1}) {
		if l == "begun" {
			n++
		}
	}
	if n != times {
		f.Errorf("%s said that it began %d times, want %d", r.Name, n, times)
	}
}

// hear follows the logs until enough says so.
func (f *fixture) hear(q platform.LogQuery, enough func(platform.LogLine) bool) {
	f.Helper()
	if err := f.follow(q, enough); err != nil {
		f.Fatal(err)
	}
}

// follow is hear for a goroutine of its own.
func (f *fixture) follow(q platform.LogQuery, enough func(platform.LogLine) bool) error {
	heard := errors.New("heard")
	q.Follow = true
	err := f.Driver.(platform.Logger).Logs(f.ctx, q, func(l platform.LogLine) error {
		if enough(l) {
			return heard
		}
		return nil
	})
	if !errors.Is(err, heard) {
		return fmt.Errorf("following the logs ended with: %w", err)
	}
	return nil
}

func logs(f *fixture) {
	capability[platform.Logger](f, "logs")
	f.enter()
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("line %d", i))
	}
	r := f.task("talk", Program{Say: want})
	f.apply(r)
	f.exit(r, 0)
	q := platform.LogQuery{Owner: f.owner, Names: []string{r.Name}, Tail: -1}
	if got := f.lines(q); !slices.Equal(got, want) {
		f.Errorf("%d lines, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	q.Tail = 3
	if got := f.lines(q); len(got) > 3 || len(got) == 0 || got[len(got)-1] != want[len(want)-1] {
		f.Errorf("the last 3 are %q", got)
	}
	q.Tail, q.Since = -1, time.Now().Add(time.Hour)
	if got := f.lines(q); len(got) != 0 {
		f.Errorf("since tomorrow it said %q", got)
	}
}

func logsFollow(f *fixture) {
	capability[platform.Logger](f, "logs")
	if f.bundles() {
		f.Skip("a set that crashes is given up")
	}
	f.enter()
	r := f.workload("count", Program{Say: []string{"1", "2", "3"}, Code: 1})
	var got []string
	done := make(chan error, 1)
	go func() {
		done <- f.follow(platform.LogQuery{Owner: f.owner, Tail: -1}, func(l platform.LogLine) bool {
			if l.Stream == "stdout" && l.Name == r.Name && l.Service == "count" {
				got = append(got, string(l.Text))
			}
			return len(got) == 9
		})
	}()
	f.apply(r)
	if err := <-done; err != nil || strings.Join(got, "") != "123123123" {
		f.Errorf("heard %q over three starts: %v", got, err)
	}
}

func logsOfOne(f *fixture) {
	capability[platform.Logger](f, "logs")
	f.enter()
	one, other := f.task("one", Program{Say: []string{"one"}}), f.task("other", Program{Say: []string{"other"}})
	for _, r := range []platform.Resource{one, other} {
		f.apply(r)
		f.exit(r, 0)
	}
	if got := f.lines(platform.LogQuery{Owner: f.owner, Names: []string{one.Name}, Tail: -1}); !slices.Equal(got, []string{"one"}) {
		f.Errorf("the logs of one say %q", got)
	}
	if got := f.lines(platform.LogQuery{Owner: f.owner, Tail: -1}); len(got) != 2 {
		f.Errorf("the logs of all say %q", got)
	}
	if got := f.lines(platform.LogQuery{Owner: f.other, Tail: -1}); len(got) != 0 {
		f.Errorf("the logs of another owner say %q", got)
	}
}

func execute(f *fixture) {
	a := capability[platform.Attacher](f, "exec")
	f.enter()
	r := f.task("stay", Program{Stay: true})
	f.apply(r)
	f.until(r, "running", running)
	var out bytes.Buffer
	code, err := a.Exec(f.ctx, platform.Exec{In: r.Name, Owner: f.owner, Command: f.Command(Program{Print: "GREETING", Cat: true, Code: 5}),
		Env: map[string]string{"GREETING": "hello", "PATH": "/usr/bin:/bin"}, Stdin: strings.NewReader("input"), Stdout: &out, Stderr: io.Discard})
	if err != nil || code != 5 || out.String() != "hello\ninput" {
		f.Errorf("exit code %d, %v, output %q", code, err, out.String())
	}
	if _, err := a.Exec(f.ctx, platform.Exec{In: f.owner + "/task/none", Owner: f.owner, Command: f.Command(Program{}), Stdout: io.Discard, Stderr: io.Discard}); err == nil {
		f.Error("a command ran in what does not exist")
	}
}

func execIsHungUp(f *fixture) {
	a := capability[platform.Attacher](f, "exec")
	f.enter()
	r := f.task("stay", Program{Stay: true})
	f.apply(r)
	f.until(r, "running", running)
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	first := writer(func([]byte) { cancel() })
	if _, err := a.Exec(ctx, platform.Exec{In: r.Name, Owner: f.owner, Command: f.Command(Program{Say: []string{"up"}, Stay: true}),
		Env: map[string]string{"PATH": "/usr/bin:/bin"}, Stdin: strings.NewReader(""), Stdout: first, Stderr: io.Discard}); err == nil && f.ctx.Err() != nil {
		f.Error("it was not ended")
	}
	if o := f.look(r); o.Run != staging.RunRunning {
		f.Errorf("what it ran in is %+v", o)
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// pause holds that what is paused does nothing. Its clock is a task that is
// not paused.
func pause(f *fixture) {
	p := capability[platform.Pauser](f, "pause")
	capability[platform.Logger](f, "logs")
	f.enter()
	r := f.workload("tick", Program{Tick: true})
	f.apply(r)
	q := platform.LogQuery{Owner: f.owner, Names: []string{r.Name}, Tail: -1}
	f.hear(q, func(platform.LogLine) bool { return true })
	if err := p.Pause(f.ctx, f.owner, []string{r.Name}); err != nil {
		f.Fatal(err)
	}
	f.nap("settle", 100*time.Millisecond) // what was written is still on its way to the log
	before := len(f.lines(q))
	f.nap("look", 200*time.Millisecond)
	if after := len(f.lines(q)); after != before {
		f.Errorf("paused, it went on from %d to %d lines", before, after)
	}
	f.again()
	p = f.Driver.(platform.Pauser)
	for range 2 { // resuming what is not paused is safe
		if err := p.Resume(f.ctx, f.owner, []string{r.Name}); err != nil {
			f.Fatal(err)
		}
	}
	n := 0
	f.hear(q, func(platform.LogLine) bool { n++; return n > before })
	if o := f.look(r); o.Run != staging.RunRunning || o.Restarts != 0 {
		f.Errorf("%+v", o)
	}
}

// nap blocks for as long as a task of the platform runs.
func (f *fixture) nap(name string, d time.Duration) {
	f.Helper()
	r := f.task("nap-"+name, Program{Nap: d})
	f.apply(r)
	f.exit(r, 0)
}

func (f *fixture) build(name, key string, p Program) platform.Resource {
	if f.Build == nil {
		f.Skipf("%s builds in a way of its own", f.Traits().Name)
	}
	return platform.Resource{Kind: staging.ResourceBuild, Name: f.owner + "/build/" + name, Owner: f.owner, Generation: 1, SpecHash: key, Build: f.Build(f.T, key, p)}
}

func build(f *fixture) {
	const key = "00112233445566778899aabbccddeeff"
	r := f.build("first", key, Program{Say: []string{"begun"}, Write: "artifact"})
	f.enter()
	f.apply(r)
	first := f.exit(r, 0)
	if first.Ref == "" {
		f.Fatalf("nothing refers to the artifact: %+v", first)
	}
	f.said(r, 1)
	kept := r
	kept.Name = f.owner + "/build/second"
	f.apply(kept)
	if o := f.exit(kept, 0); o.Ref != first.Ref {
		f.Errorf("equal keys gave %q and %q", first.Ref, o.Ref)
	}
	f.said(kept, 0)
	f.delete(r)
	f.delete(kept)
	use := f.task("use", Program{Read: true})
	use.Workload.Artifact = first.Ref
	if len(r.Build.Images) > 0 {
		use.Workload.Image, use.Workload.Built = "", r.Build.Images[0].Name
	}
	f.apply(use)
	f.exit(use, 0)
	if _, ok := f.Driver.(platform.Logger); !ok {
		return
	}
	if got := f.lines(platform.LogQuery{Owner: f.owner, Names: []string{use.Name}, Tail: -1}); !slices.Equal(got, []string{"artifact"}) {
		f.Errorf("who runs the artifact finds %q", got)
	}
}

func failedBuild(f *fixture) {
	const key = "ffeeddccbbaa99887766554433221100"
	r := f.build("bad", key, Program{Code: 2})
	f.enter()
	f.apply(r)
	o := f.exit(r, 2)
	f.sameRun(o, f.apply(r))
	f.delete(r)
	again := f.build("good", key, Program{Write: "artifact"})
	f.apply(again)
	f.exit(again, 0)
}

// pulled asks for images of elsewhere beside a build: what runs them names what
// was got.
func pulled(f *fixture) {
	r := f.build("with", "0123456789abcdef0123456789abcdef", Program{Write: "artifact"})
	if f.Image == "" {
		f.Skipf("%s runs no images", f.Traits().Name)
	}
	r.Build.Pulls = []staging.ImagePull{{Name: "worker", Ref: f.Image, Fresh: true}, {Name: "there", Ref: f.Image}}
	f.enter()
	f.apply(r)
	got := f.exit(r, 0).Images["worker"]
	if got.Ref != f.Image || got.Run == "" {
		f.Fatalf("it got %+v", got)
	}
	use := f.task("use", Program{Say: []string{"runs"}})
	use.Workload.Image = got.Run
	f.apply(use)
	f.exit(use, 0)
	for _, fresh := range []bool{true, false} {
		f.without(r, fresh)
	}
	fetcher, ok := f.Driver.(platform.Fetcher)
	if !ok {
		f.Fatal("what runs images gets them")
	}
	missing, err := fetcher.Missing(f.ctx, f.Image, nowhere)
	if err != nil || !slices.Equal(missing, []string{nowhere}) {
		f.Errorf("missing are %q: %v", missing, err)
	}
	quiet := func(string) {}
	if err := fetcher.Fetch(f.ctx, "shop", f.Image, quiet); err != nil {
		f.Error(err)
	}
	var known *staging.Error
	if err := fetcher.Fetch(f.ctx, "shop", nowhere, quiet); !errors.As(err, &known) || known.Failure == nil {
		f.Errorf("an image that is nowhere: %v", err)
	}
}

// nowhere is an image that nobody has.
const nowhere = "no-such-image-anywhere:1"

// without asks for an image that is nowhere.
func (f *fixture) without(r platform.Resource, fresh bool) {
	r.Name, r.Build.Pulls = fmt.Sprintf("%s/build/without-%t", f.owner, fresh), []staging.ImagePull{{Name: "worker", Ref: nowhere, Fresh: fresh}}
	f.apply(r)
	o := f.exit(r, 1)
	if o.Failure == nil || o.Failure.Hint == "" || o.Failure.Service != "worker" || o.Ref != "" {
		f.Errorf("an image that is nowhere: %+v", o)
	}
}
