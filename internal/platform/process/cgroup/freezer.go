//go:build linux

package cgroup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Freezer is how a group is stopped: by one file, seen done in another.
type Freezer struct{ write, seen, on, off, isOn, isOff string }

// FreezerOf is that of a group, v1's or v2's.
func FreezerOf(group string) (Freezer, bool) {
	v1, v2 := filepath.Join(group, "freezer.state"), filepath.Join(group, "cgroup.freeze")
	if _, err := os.Stat(v1); err == nil {
		return Freezer{v1, v1, "FROZEN", "THAWED", "FROZEN", "THAWED"}, true
	}
	if _, err := os.Stat(v2); err == nil {
		return Freezer{v2, filepath.Join(group, "cgroup.events"), "1", "0", "frozen 1", "frozen 0"}, true
	}
	return Freezer{}, false
}

// Set stops or continues the whole group, and returns when the kernel says so.
func (f Freezer) Set(ctx context.Context, frozen bool) error {
	value, want := f.off, f.isOff
	if frozen {
		value, want = f.on, f.isOn
	}
	if err := os.WriteFile(f.write, []byte(value), 0); err != nil {
		return err
	}
	pause := 100 * time.Microsecond
	for {
		text, err := os.ReadFile(f.seen)
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
