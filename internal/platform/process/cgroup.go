//go:build linux

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

	"golang.org/x/sys/unix"

	"offshoot/internal/staging"
)

// cgroups are the hierarchies in which limits can be set: one folder for each
// v1 controller, or one for all of v2 (cgroups(7)); both on mixed hosts.
type cgroups struct {
	// folders are by controller; "" is v2's.
	folders map[string]string
	// unified are the controllers that v2 has for groups below its folder.
	unified []string
}

var wantedControllers = []string{"memory", "pids", "cpu", "freezer"}

const (
	// ourGroup holds the groups of all instances.
	ourGroup = "offshoot"
	// serverGroup is where the server goes in v2, where a group with members
	// cannot give controllers to groups below it.
	serverGroup = "offshoot-server"
)

// findCgroups reads where the hierarchies are mounted and where in them this
// process lives: a server in a container must not leave its own group. self is
// /proc/self, but in tests.
func findCgroups(self string) (cgroups, error) {
	c := cgroups{folders: map[string]string{}}
	own, err := ownGroups(filepath.Join(self, "cgroup"))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil // a kernel without
	}
	if err != nil {
		return c, err
	}
	f, err := os.Open(filepath.Join(self, "mountinfo"))
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
			if dir, ok := within(left[4], left[3], own[""]); ok {
				c.unify(left[4], dir)
			}
		case "cgroup":
			for _, option := range strings.Split(right[2], ",") {
				if dir, ok := within(left[4], left[3], own[option]); ok && slices.Contains(wantedControllers, option) && mayMake(dir) {
					c.folders[option] = dir
				}
			}
		}
	}
	return c, lines.Err()
}

// ownGroups is the path of this process in each hierarchy.
func ownGroups(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
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

// within is where a group lies below a mount point that shows the hierarchy
// from root down: a container's mount shows its own part of the host's.
func within(mount, root, group string) (string, bool) {
	if group == "" {
		return "", false
	}
	rel, err := filepath.Rel(root, group)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return mount, true // a namespace whose root is the mount's
	}
	return filepath.Join(mount, rel), true
}

// mayMake is whether groups can be made there.
func mayMake(dir string) bool {
	group := filepath.Join(dir, ourGroup)
	err := os.Mkdir(group, 0o755)
	if err == nil {
		_ = os.Remove(group) // made again when it is needed
		return true
	}
	return errors.Is(err, fs.ErrExist) && unix.Access(group, unix.W_OK) == nil
}

// unify finds the nearest group from own up to the mount point that can give
// controllers to groups below it. Without one it is good for the freezer only.
func (c *cgroups) unify(mount, own string) {
	text, err := os.ReadFile(filepath.Join(own, "cgroup.controllers"))
	if err != nil || !mayMake(own) {
		return
	}
	c.folders[""] = own
	var wanted []string
	for _, name := range strings.Fields(string(text)) {
		if slices.Contains(wantedControllers, name) {
			wanted = append(wanted, name)
		}
	}
	if len(wanted) == 0 {
		return
	}
	for dir := own; ; dir = filepath.Dir(dir) {
		if !mayMake(dir) {
			return
		}
		err := enable(dir, wanted)
		if errors.Is(err, unix.EBUSY) && dir == own && alone(dir) {
			err = errors.Join(stepAside(dir), enable(dir, wanted))
		}
		if err == nil {
			c.folders[""], c.unified = dir, wanted
			return
		}
		if dir == mount {
			return
		}
	}
}

func enable(dir string, controllers []string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+strings.Join(controllers, " +")), 0)
}

// alone is whether this process is the only member of a group.
func alone(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	return err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(os.Getpid())
}

func stepAside(dir string) error {
	leaf := filepath.Join(dir, serverGroup)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0)
}

func (c cgroups) has(controller string) bool {
	_, v1 := c.folders[controller]
	return v1 || slices.Contains(c.unified, controller)
}

// memory is how much this server may use in bytes, all of the machine's where
// nothing else is said; 0 where that cannot be read.
func (c cgroups) memory() int64 {
	var machine unix.Sysinfo_t
	if unix.Sysinfo(&machine) != nil {
		return 0
	}
	total := int64(machine.Totalram) * int64(machine.Unit) //nolint:unconvert // the type differs by processor
	for _, file := range []string{filepath.Join(c.folders["memory"], "memory.limit_in_bytes"), filepath.Join(c.folders[""], "memory.max")} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
			total = min(total, limit)
		}
	}
	return total
}

func (c cgroups) lacks() []string {
	var lacks []string
	for _, name := range wantedControllers[:3] {
		if !c.has(name) {
			lacks = append(lacks, "no limit of "+name+": this server may not use the cgroup controller")
		}
	}
	return lacks
}

// freezes is whether a whole group can be stopped at once.
func (c cgroups) freezes() bool {
	_, v1 := c.folders["freezer"]
	_, v2 := c.folders[""]
	return v1 || v2
}

// groups are the folders of one instance, one a hierarchy.
func (c cgroups) groups(owner, instance string) []string {
	var dirs []string
	for _, dir := range c.folders {
		dirs = append(dirs, filepath.Join(dir, ourGroup, owner, instance))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// joined is how a process comes into the groups of its instance.
type joined struct {
	// tasks are v1's files by which a thread joins: one that moves itself alone
	// waits for nobody, a process waits for a grace period of the kernel, some
	// 10 ms (cgroup_attach_lock).
	tasks []string
	// unified is v2's folder, into which a process can be born.
	unified string
	// killed counts kills for want of memory.
	killed string
}

// create makes the groups of one instance and sets its limits.
func (c cgroups) create(owner, instance string, l staging.Limits) (j joined, err error) {
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
		if name := (map[bool]string{true: "memory.oom_control", false: "memory.events"})[controller == "memory"]; controller == "memory" || j.killed == "" {
			if _, err := os.Stat(filepath.Join(group, name)); err == nil {
				j.killed = filepath.Join(group, name)
			}
		}
		if controller == "" {
			j.unified = group
		} else if file := filepath.Join(group, "tasks"); !slices.Contains(j.tasks, file) {
			j.tasks = append(j.tasks, file)
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

// removeGroups takes an instance's groups away, and those above them that are
// left empty.
func removeGroups(groups []string) error {
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
