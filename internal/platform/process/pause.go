package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// frozenWait bounds waiting for the kernel to have stopped every process.
const frozenWait = 10 * time.Second

// Pause implements platform.Pauser by the kernel's freezer (cgroups(7)):
// servers first, then what would miss them.
func (d *Driver) Pause(ctx context.Context, owner string, names []string) error {
	return d.freeze(ctx, owner, names, true)
}

// Resume implements platform.Pauser, in the other order.
func (d *Driver) Resume(ctx context.Context, owner string, names []string) error {
	return d.freeze(ctx, owner, names, false)
}

func (d *Driver) freeze(ctx context.Context, owner string, names []string, frozen bool) error {
	if !ownerName.MatchString(owner) {
		return fmt.Errorf("%q is no owner", owner)
	}
	ctx, cancel := context.WithTimeout(ctx, frozenWait)
	defer cancel()
	names = slices.Clone(names)
	slices.Sort(names) // "data." comes before most; all stand still before any is copied
	if !frozen {
		slices.Reverse(names)
	}
	var errs []error
	for _, name := range names {
		if err := d.cgroups.freeze(ctx, filepath.Join(owner, instanceGroup(name)), frozen); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (c cgroups) freeze(ctx context.Context, path string, frozen bool) error {
	file, done, set, want := "cgroup.freeze", "cgroup.events", "0", "frozen 0"
	dir, ok := c.folders[""]
	if v1, has := c.folders["freezer"]; has {
		dir, ok, file, done, set, want = v1, true, "freezer.state", "freezer.state", "THAWED", "THAWED"
		if frozen {
			set, want = "FROZEN", "FROZEN"
		}
	} else if frozen {
		set, want = "1", "frozen 1"
	}
	if !ok {
		return errors.New("this host has no cgroup freezer")
	}
	group := filepath.Join(dir, "offshoot", path)
	if err := os.WriteFile(filepath.Join(group, file), []byte(set), 0); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it does not run
		}
		return err
	}
	pause := 100 * time.Microsecond
	for {
		text, err := os.ReadFile(filepath.Join(group, done))
		if err != nil {
			return err
		}
		if strings.Contains(string(text), want) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not %s: %w", want, ctx.Err())
		case <-time.After(pause):
		}
		pause = min(2*pause, 10*time.Millisecond)
	}
}
