//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"offshoot/internal/staging"
)

// Entry is how a process comes into the groups of its instance.
type Entry struct {
	// Tasks are v1's files by which a thread joins: one that moves itself alone
	// waits for nobody, a process waits for a grace period of the kernel, some
	// 10 ms (cgroup_attach_lock).
	Tasks []string
	// Unified is v2's folder, into which a process can be born.
	Unified string
	// Killed counts kills for want of memory.
	Killed string
}

// Make makes the groups of one instance of an owner and sets its limits, in those
// hierarchies that there are. What is there already gets the limits anew; after
// an error some groups may exist: Remove takes Groups away.
func (c Hierarchies) Make(owner, instance string, l staging.Limits) (j Entry, err error) {
	for controller, dir := range c.folders {
		group := filepath.Join(dir, ourGroup, owner, instance)
		if err := makeGroup(group); err != nil {
			return j, fmt.Errorf("cgroup: %w", err)
		}
		if controller == "" && len(c.unified) > 0 {
			for _, above := range []string{filepath.Join(dir, ourGroup), filepath.Join(dir, ourGroup, owner)} {
				if err := enable(above, c.unified); err != nil {
					return j, fmt.Errorf("cgroup controllers: %w", err)
				}
			}
		}
		for _, s := range settings(controller, c.unified, l) {
			if err := os.WriteFile(filepath.Join(group, s.file), []byte(s.value), 0); err != nil && !s.optional {
				return j, fmt.Errorf("cgroup limit %s: %w", s.file, err)
			}
		}
		if name := (map[bool]string{true: "memory.oom_control", false: "memory.events"})[controller == "memory"]; controller == "memory" || j.Killed == "" {
			if _, err := os.Stat(filepath.Join(group, name)); err == nil {
				j.Killed = filepath.Join(group, name)
			}
		}
		if controller == "" {
			j.Unified = group
		} else if file := filepath.Join(group, "tasks"); !slices.Contains(j.Tasks, file) {
			j.Tasks = append(j.Tasks, file)
		}
	}
	return j, nil
}

const (
	// cpuPeriod is the kernel's default period, leastQuota the least quota it
	// takes, in microseconds.
	cpuPeriod  = 100_000
	leastQuota = 1_000
)

// setting is one file of a group. An optional one is not there on every host.
type setting struct {
	file, value string
	optional    bool
}

func settings(controller string, unified []string, l staging.Limits) []setting {
	memory, pids := strconv.FormatInt(l.Memory, 10), strconv.FormatInt(l.PIDs, 10)
	quota := strconv.Itoa(max(leastQuota, int(l.CPUs*cpuPeriod)))
	var set []setting
	add := func(wanted bool, s ...setting) {
		if wanted {
			set = append(set, s...)
		}
	}
	v2 := func(name string) bool { return controller == "" && slices.Contains(unified, name) }
	add(controller == "memory" && l.Memory > 0, setting{file: "memory.limit_in_bytes", value: memory},
		setting{file: "memory.memsw.limit_in_bytes", value: memory, optional: true})
	add(v2("memory") && l.Memory > 0, setting{file: "memory.max", value: memory}, setting{file: "memory.swap.max", value: "0", optional: true})
	add((controller == "pids" || v2("pids")) && l.PIDs > 0, setting{file: "pids.max", value: pids})
	add(controller == "cpu" && l.CPUs > 0, setting{file: "cpu.cfs_quota_us", value: quota})
	add(v2("cpu") && l.CPUs > 0, setting{file: "cpu.max", value: quota + " " + strconv.Itoa(cpuPeriod)})
	return set
}

// makeGroup makes a group and those above it. One above may be taken away, being
// empty, just when it was found to be there: then it is made again.
func makeGroup(group string) error {
	var err error
	for range removeTries {
		if err = os.MkdirAll(group, 0o755); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// removeTries bounds waiting for the kernel to let go of a group whose last
// process has just been reaped.
const removeTries = 200

// Remove takes an instance's groups away, and those above them that are
// left empty.
func Remove(groups []string) error {
	for _, group := range groups {
		if err := removeGroup(group); err != nil {
			return err
		}
		// Others may still live in these: then they stay.
		for above := filepath.Dir(group); os.Remove(above) == nil && filepath.Base(above) != ourGroup; {
			above = filepath.Dir(above)
		}
	}
	return nil
}

func removeGroup(group string) error {
	var err error
	for range removeTries {
		if err = os.Remove(group); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		<-time.After(2 * time.Millisecond)
	}
	return fmt.Errorf("cgroup still in use: %w", err)
}
