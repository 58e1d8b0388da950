package process

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// cgroups are the hierarchies in which limits can be set: one folder for each
// v1 controller, or one for all of v2 (cgroups(7)); both on mixed hosts.
type cgroups struct {
	// folders are by controller; "" is v2's.
	folders map[string]string
	// unified are the controllers that v2 has.
	unified []string
}

var wantedControllers = []string{"memory", "pids", "cpu", "freezer"}

// findCgroups reads where the hierarchies are mounted and where in them this
// process lives: a server in a container must not leave its own group.
func findCgroups() (cgroups, error) {
	c := cgroups{folders: map[string]string{}}
	own, err := ownGroups()
	if err != nil {
		return c, err
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return c, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		switch right[0] {
		case "cgroup2":
			c.folders[""] = filepath.Join(left[4], own[""])
			list, _ := os.ReadFile(filepath.Join(c.folders[""], "cgroup.controllers"))
			c.unified = strings.Fields(string(list))
		case "cgroup":
			for _, option := range strings.Split(right[2], ",") {
				if slices.Contains(wantedControllers, option) {
					c.folders[option] = filepath.Join(left[4], own[option])
				}
			}
		}
	}
	for controller, dir := range c.folders {
		if os.Mkdir(filepath.Join(dir, "offshoot"), 0o755) != nil {
			if _, err := os.Stat(filepath.Join(dir, "offshoot")); err != nil {
				delete(c.folders, controller)
			}
		}
	}
	return c, lines.Err()
}

func ownGroups() (map[string]string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	own := map[string]string{}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 {
			for _, c := range strings.Split(parts[1], ",") {
				own[c] = parts[2]
			}
		}
	}
	return own, nil
}

func (c cgroups) has(controller string) bool {
	_, v1 := c.folders[controller]
	return v1 || slices.Contains(c.unified, controller)
}

func (c cgroups) lacks() []string {
	var lacks []string
	for _, name := range wantedControllers[:3] {
		if !c.has(name) {
			lacks = append(lacks, "no limit of "+name+": the cgroup controller is not available")
		}
	}
	return lacks
}

// create makes the groups of one instance, sets its limits and answers the
// files by which a process joins.
func (c cgroups) create(owner, instance string, l staging.Limits) ([]string, error) {
	var procs []string
	for controller, dir := range c.folders {
		group := filepath.Join(dir, "offshoot", owner, instance)
		if err := os.MkdirAll(group, 0o755); err != nil {
			return nil, fmt.Errorf("cgroup: %w", err)
		}
		for file, value := range settings(controller, c.unified, l) {
			if err := os.WriteFile(filepath.Join(group, file), []byte(value), 0); err != nil {
				return nil, fmt.Errorf("cgroup limit %s: %w", file, err)
			}
		}
		procs = append(procs, filepath.Join(group, "cgroup.procs"))
	}
	return procs, nil
}

// cpuPeriod is the kernel's default period in microseconds.
const cpuPeriod = 100_000

func settings(controller string, unified []string, l staging.Limits) map[string]string {
	set := map[string]string{}
	memory, pids, quota := strconv.FormatInt(l.Memory, 10), strconv.FormatInt(l.PIDs, 10), strconv.Itoa(int(l.CPUs*cpuPeriod))
	put := func(v1, v2, file1, file2, value string, wanted bool) {
		switch {
		case !wanted:
		case controller == v1:
			set[file1] = value
		case controller == "" && slices.Contains(unified, v2):
			set[file2] = value
		}
	}
	put("memory", "memory", "memory.limit_in_bytes", "memory.max", memory, l.Memory > 0)
	put("pids", "pids", "pids.max", "pids.max", pids, l.PIDs > 0)
	put("cpu", "", "cpu.cfs_quota_us", "", quota, l.CPUs > 0)
	put("", "cpu", "", "cpu.max", quota+" "+strconv.Itoa(cpuPeriod), l.CPUs > 0 && controller == "")
	return set
}

// removeTries bounds waiting for the kernel to let go of a group whose last
// process has just been reaped.
const removeTries = 50

// remove takes away the groups below a path (an owner, or owner/instance).
func (c cgroups) remove(path string) error {
	for _, dir := range c.folders {
		group := filepath.Join(dir, "offshoot", path)
		children, err := os.ReadDir(group)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, child := range children {
			if child.IsDir() {
				if err := rmdir(filepath.Join(group, child.Name())); err != nil {
					return err
				}
			}
		}
		if err := rmdir(group); err != nil {
			return err
		}
	}
	return nil
}

func rmdir(group string) error {
	var err error
	for range removeTries {
		if err = os.Remove(group); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		<-time.After(2 * time.Millisecond)
	}
	return fmt.Errorf("cgroup still in use: %w", err)
}
