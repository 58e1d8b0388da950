//go:build linux

package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process"
	"offshoot/internal/staging"
)

func TestEndpointsAndUsersAreGivenOnce(t *testing.T) {
	h := newHost(t)
	h.apply(platform.Resource{Kind: staging.ResourceScope, Name: "env_b/scope/0"})
	seen := map[string]string{}
	names := []string{"env_a/endpoint/web", "env_a/endpoint/db", "env_b/endpoint/web"}
	if os.Geteuid() == 0 {
		names = append(names, "env_a/scope/0", "env_b/scope/0")
	}
	for _, name := range names {
		_, rest, _ := strings.Cut(name, "/")
		kind, _, _ := strings.Cut(rest, "/")
		o := h.apply(platform.Resource{Kind: staging.ResourceKind(kind), Name: name})
		key := o.Address + o.Ref
		if other := seen[key]; other != "" || key == "" {
			t.Errorf("%s and %s both have %q", name, other, key)
		}
		seen[key] = name
		if again := h.apply(platform.Resource{Kind: staging.ResourceKind(kind), Name: name}); again.Address+again.Ref != key {
			t.Errorf("%s changed from %q to %+v", name, key, again)
		}
	}
}

func TestDeletingTheScopeLeavesNothing(t *testing.T) {
	h := newHost(t)
	owner := "env_left" + strconv.Itoa(os.Getpid())
	scope := platform.Resource{Kind: staging.ResourceScope, Name: owner + "/scope/0"}
	h.apply(scope)
	r := workload("stay", `while :; do sleep 60; done`)
	r.Name = owner + "/workload/stay"
	h.apply(r)
	h.apply(platform.Resource{Kind: staging.ResourceEndpoint, Name: owner + "/endpoint/web"})
	for _, name := range []string{owner, "env_a"} {
		if err := h.Delete(h.ctx, platform.Ref{Kind: scope.Kind, Name: name + "/scope/0", Owner: name}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := h.List(h.ctx, ""); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if out, err := exec.Command("find", h.dir+"/env", "-mindepth", "1").Output(); err != nil || len(out) > 0 {
		t.Errorf("files left: %s %v", out, err)
	}
	if left := processesOf(t); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	if out, _ := exec.Command("find", "/sys/fs/cgroup", "-name", owner).Output(); len(out) > 0 {
		t.Errorf("cgroups left: %s", out)
	}
	claims := "/run/offshoot"
	if os.Geteuid() != 0 {
		claims = fmt.Sprintf("/tmp/offshoot-%d", os.Geteuid())
	}
	if out, _ := exec.Command("grep", "-rl", h.dir, claims).Output(); len(out) > 0 {
		t.Errorf("claims left: %s", out)
	}
	if out, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(out), h.dir) {
		t.Errorf("mounts left: %s", out)
	}
}

// TestAFolderThatAnEarlierVersionDidNotMake holds that what workloads share is
// made when it is needed.
func TestAFolderThatAnEarlierVersionDidNotMake(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"tmp", "home"} {
		if err := os.Remove(filepath.Join(h.dir, "env", "env_a", name)); err != nil {
			t.Fatal(err)
		}
	}
	r := task("write", `echo x > /tmp/x && cat /tmp/x && echo y > ~/y && cat ~/y`)
	if o, out := h.run(r); o.ExitCode == nil || *o.ExitCode != 0 || out != "x\ny\n" {
		t.Errorf("%+v\n%s", o, out)
	}
}

// TestOthersOfTheHostDoNotPass holds that what is open to all in an environment,
// and in what it runs, is open to no user of the host but the server's.
func TestOthersOfTheHostDoNotPass(t *testing.T) {
	h := newHost(t)
	if shape() == process.ShapePlain {
		t.Skip("without views the environments' users pass through these folders")
	}
	h.run(build(t, "one", "main", "a", `echo x > made`))
	for _, name := range []string{"env", "artifacts"} {
		info, err := os.Stat(filepath.Join(h.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %s", name, info.Mode())
		}
	}
}
