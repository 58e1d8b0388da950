//go:build linux

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"offshoot/internal/staging"
)

// tree is a host's cgroups as files: $ stands for its folder.
type tree struct {
	cgroup, mounts string
	files          map[string]string
	folders        map[string]string
	unified        string
	lacks          int
}

var trees = map[string]tree{
	"v2, delegated by a service manager": {
		cgroup: "0::/system.slice/offshoot.service\n",
		mounts: "30 23 0:26 / $/cg rw - cgroup2 cgroup2 rw\n",
		files: map[string]string{"cg/system.slice/offshoot.service/cgroup.controllers": "cpu memory pids io\n",
			"cg/system.slice/offshoot.service/cgroup.subtree_control": ""},
		folders: map[string]string{"": "cg/system.slice/offshoot.service"}, unified: "cpu memory pids",
	},
	"v2 without controllers freezes and no more": {
		cgroup: "0::/user\n", mounts: "30 23 0:26 / $/cg rw - cgroup2 cgroup2 rw\n",
		files:   map[string]string{"cg/user/cgroup.controllers": "\n"},
		folders: map[string]string{"": "cg/user"}, lacks: 3,
	},
	"v1, each controller in a place of its own": {
		cgroup: "5:memory:/a/b\n4:pids:/\n3:cpu,cpuacct:/c\n2:freezer:/\n1:name=systemd:/x\n",
		mounts: "31 1 0:1 / $/memory rw - cgroup cgroup rw,memory\n32 1 0:2 / $/pids rw - cgroup cgroup rw,pids\n" +
			"33 1 0:3 / $/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n34 1 0:4 / $/freezer rw - cgroup cgroup rw,freezer\n" +
			"35 1 0:5 / $/systemd rw - cgroup cgroup rw,name=systemd\n",
		files:   map[string]string{"memory/a/b/x": "", "pids/x": "", "cpu,cpuacct/c/x": "", "freezer/x": "", "systemd/x/x": ""},
		folders: map[string]string{"memory": "memory/a/b", "pids": "pids", "cpu": "cpu,cpuacct/c", "freezer": "freezer"},
	},
	"mixed": {
		cgroup:  "4:memory:/m\n3:pids:/\n0::/\n",
		mounts:  "31 1 0:1 / $/memory rw - cgroup cgroup rw,memory\n32 1 0:2 / $/pids rw - cgroup cgroup rw,pids\n36 1 0:6 / $/unified rw - cgroup2 cgroup2 rw\n",
		files:   map[string]string{"memory/m/x": "", "pids/x": "", "unified/cgroup.controllers": "\n"},
		folders: map[string]string{"memory": "memory/m", "pids": "pids", "": "unified"}, lacks: 1,
	},
	"a container sees its own part": {
		cgroup:  "4:memory:/docker/abc\n0::/docker/abc\n",
		mounts:  "31 1 0:1 /docker/abc $/memory rw - cgroup cgroup rw,memory\n",
		files:   map[string]string{"memory/x": ""},
		folders: map[string]string{"memory": "memory"}, lacks: 2,
	},
	"nothing is mounted": {cgroup: "0::/\n", folders: map[string]string{}, lacks: 3},
}

func TestCgroupsAreFound(t *testing.T) {
	for name, c := range trees {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range map[string]string{"self/cgroup": c.cgroup, "self/mountinfo": strings.ReplaceAll(c.mounts, "$", root)} {
				put(t, filepath.Join(root, path), text)
			}
			for path, text := range c.files {
				put(t, filepath.Join(root, path), text)
			}
			got, err := Find(filepath.Join(root, "self"))
			if err != nil {
				t.Fatal(err)
			}
			folders := map[string]string{}
			for controller, dir := range got.folders {
				folders[controller], _ = filepath.Rel(root, dir)
			}
			if d := cmp.Diff(c.folders, folders); d != "" {
				t.Error(d)
			}
			if unified := strings.Join(got.unified, " "); unified != c.unified {
				t.Errorf("controllers %q, want %q", unified, c.unified)
			}
			if lacks := got.Lacks(); len(lacks) != c.lacks {
				t.Errorf("lacks %q", lacks)
			}
		})
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLimitsAreWrittenInEachNotation(t *testing.T) {
	limits := staging.Limits{CPUs: 0.5, Memory: 256 << 20, PIDs: 100}
	for _, c := range []struct {
		controller string
		unified    []string
		want       string
	}{
		{"memory", nil, "memory.limit_in_bytes=268435456 memory.memsw.limit_in_bytes=268435456"},
		{"pids", nil, "pids.max=100"},
		{"cpu", nil, "cpu.cfs_quota_us=50000"},
		{"freezer", nil, ""},
		{"", []string{"memory", "pids", "cpu"}, "memory.max=268435456 memory.swap.max=0 pids.max=100 cpu.max=50000 100000"},
		{"", nil, ""},
	} {
		var got []string
		for _, s := range settings(c.controller, c.unified, limits) {
			got = append(got, s.file+"="+s.value)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%q %v: %q, want %q", c.controller, c.unified, text, c.want)
		}
	}
	if s := settings("cpu", nil, staging.Limits{CPUs: 0.001}); s[0].value != fmt.Sprint(leastQuota) {
		t.Errorf("a quota that the kernel refuses: %v", s)
	}
	if s := settings("memory", nil, staging.Limits{}); len(s) > 0 {
		t.Errorf("no limit sets %v", s)
	}
}

func TestTheMemoryIsThatOfTheMachineOrOfItsLimit(t *testing.T) {
	whole := Hierarchies{}.Memory()
	if whole <= 0 {
		t.Errorf("the machine has %d bytes", whole)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "memory.max"), []byte("max\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Hierarchies{folders: map[string]string{"": dir}}
	if got := c.Memory(); got != whole {
		t.Errorf("%d without a limit, the machine has %d", got, whole)
	}
	if err := os.WriteFile(filepath.Join(dir, "memory.max"), []byte("104857600\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := c.Memory(); got != 100<<20 {
		t.Errorf("%d with a limit of 100 MB", got)
	}
}
