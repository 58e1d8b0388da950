package fake

import (
	"context"
	"errors"
	"io"
	"slices"

	"offshoot/internal/fault"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Logs implements platform.Logger.
func (d *Driver) Logs(ctx context.Context, q platform.LogQuery, line func(platform.LogLine) error) error {
	read := map[string]int{}
	for first := true; ; first = false {
		lines, changed := d.w.more(q, read)
		if first && q.Tail >= 0 && len(lines) > q.Tail {
			lines = lines[len(lines)-q.Tail:]
		}
		for _, l := range lines {
			if err := line(l); err != nil {
				return err
			}
		}
		if !q.Follow {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// more is what was written since the last call.
func (w *World) more(q platform.LogQuery, read map[string]int) (lines []platform.LogLine, changed chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, t := range w.things {
		if t.resource.Owner != q.Owner || len(q.Names) > 0 && !slices.Contains(q.Names, name) {
			continue
		}
		for _, l := range t.lines[min(read[name], len(t.lines)):] {
			if !l.At.Before(q.Since) {
				lines = append(lines, l)
			}
		}
		read[name] = len(t.lines)
	}
	slices.SortStableFunc(lines, func(a, b platform.LogLine) int { return a.At.Compare(b.At) })
	return lines, w.changed
}

// Exec implements platform.Attacher.
func (d *Driver) Exec(ctx context.Context, x platform.Exec) (int, error) {
	if !d.w.Running(x.In) {
		return 0, staging.Refused("", "%s does not run", x.In)
	}
	does := d.w.options.Behave(staging.WorkloadSpec{Role: staging.RoleTask, Command: x.Command})
	say := does.Say
	if does.Print != "" {
		say = append(slices.Clone(say), x.Env[does.Print])
	}
	for _, line := range say {
		if _, err := io.WriteString(x.Stdout, line+"\n"); err != nil {
			return 0, err
		}
	}
	if does.Cat {
		if _, err := io.Copy(x.Stdout, x.Stdin); err != nil {
			return 0, err
		}
	}
	if does.Stay {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return does.Code, nil
}

// Pause implements platform.Pauser.
func (d *Driver) Pause(ctx context.Context, owner string, names []string) error {
	return d.pause(ctx, Pause, owner, names, true, staging.RunNone)
}

// Rest implements platform.Rester.
func (d *Driver) Rest(ctx context.Context, owner string, names []string) error {
	return d.pause(ctx, Rest, owner, names, true, staging.RunPaused)
}

// Resume implements platform.Pauser.
func (d *Driver) Resume(ctx context.Context, owner string, names []string) error {
	return d.pause(ctx, Resume, owner, names, false, staging.RunRunning)
}

// pause lets workloads stand still or go on, and be seen so where seen says how.
func (d *Driver) pause(ctx context.Context, method, owner string, names []string, paused bool, seen staging.RunState) error {
	lost, err := d.w.Enter(ctx, fault.Call{Method: method, Name: owner})
	if err != nil {
		return err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	for _, name := range names {
		if t := d.w.things[name]; t != nil && t.resource.Owner == owner {
			t.paused = paused
			if seen != staging.RunNone && (t.seen.Run == staging.RunRunning || t.seen.Run == staging.RunPaused) {
				t.seen.Run = seen
			}
		}
	}
	d.w.change()
	return lost
}

// Paused names what is paused now, sorted.
func (w *World) Paused() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for name, t := range w.things {
		if t.paused {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Prepare implements platform.Preparer: there is nothing here that could be
// made ready.
func (d *Driver) Prepare(ctx context.Context, r platform.Resource) error {
	if err := check(platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}); err != nil {
		return err
	}
	lost, err := d.w.Enter(ctx, fault.Call{Method: Prepare, Kind: string(r.Kind), Name: r.Name})
	return errors.Join(lost, err)
}
