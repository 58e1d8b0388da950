//go:build linux

package cgroup

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Hierarchies are the hierarchies in which limits can be set: one folder for each
// v1 controller, or one for all of v2 (cgroups(7)); both on mixed hosts.
type Hierarchies struct {
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

// Find reads where the hierarchies are mounted and where in them this
// process lives: a server in a container must not leave its own group. self is
// /proc/self, but in tests.
func Find(self string) (Hierarchies, error) {
	c := Hierarchies{folders: map[string]string{}}
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
func (c *Hierarchies) unify(mount, own string) {
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

func (c Hierarchies) has(controller string) bool {
	_, v1 := c.folders[controller]
	return v1 || slices.Contains(c.unified, controller)
}

// Memory is how much this server may use in bytes, all of the machine's where
// nothing else is said; 0 where that cannot be read.
func (c Hierarchies) Memory() int64 {
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

// Lacks are the limits that cannot be set here, in plain words.
func (c Hierarchies) Lacks() []string {
	var lacks []string
	for _, name := range wantedControllers[:3] {
		if !c.has(name) {
			lacks = append(lacks, "no limit of "+name+": this server may not use the cgroup controller")
		}
	}
	return lacks
}

// Freezes is whether a whole group can be stopped at once.
func (c Hierarchies) Freezes() bool {
	_, v1 := c.folders["freezer"]
	_, v2 := c.folders[""]
	return v1 || v2
}

// Groups are the folders of one instance, one a hierarchy.
func (c Hierarchies) Groups(owner, instance string) []string {
	var dirs []string
	for _, dir := range c.folders {
		dirs = append(dirs, filepath.Join(dir, ourGroup, owner, instance))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
