package docker_test

import (
	"errors"
	"strings"
	"testing"

	"offshoot/internal/platform/docker"
	"offshoot/internal/staging"
)

// TestWhatNoEngineCanGiveIsTheStacks holds that a container that cannot be made or
// started as the stack asks is told as the service's, in words without the engine's
// own, and that nothing of it is left.
func TestWhatNoEngineCanGiveIsTheStacks(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	for name, c := range map[string]struct {
		spec        staging.WorkloadSpec
		words, hint string
	}{
		"user":    {staging.WorkloadSpec{Container: &staging.Container{User: "nobody-at-all"}}, "unable to find user nobody-at-all", "user"},
		"group":   {staging.WorkloadSpec{Container: &staging.Container{Groups: []string{"none-at-all"}}}, "find group none-at-all", "group_add"},
		"sysctl":  {staging.WorkloadSpec{Container: &staging.Container{Sysctls: map[string]string{"net.core.somaxconn": "many"}}}, "somaxconn: invalid argument", "sysctls"},
		"ulimit":  {staging.WorkloadSpec{Container: &staging.Container{Ulimits: map[string]staging.Ulimit{"nofile": {Soft: 1 << 40, Hard: 1 << 40}}}}, "error setting rlimit", "ulimits"},
		"tmpfs":   {staging.WorkloadSpec{Mounts: []staging.HostMount{{Target: "/x", Tmpfs: true, Options: "size=much"}}}, `tmpfs`, "tmpfs"},
		"folder":  {staging.WorkloadSpec{Dir: "/etc/passwd"}, "/etc/passwd is not a directory", "working_dir"},
		"memory":  {staging.WorkloadSpec{Limits: staging.Limits{Memory: 1 << 20}}, "memory limit", "mem_limit"},
		"signal":  {staging.WorkloadSpec{StopSignal: "NONE"}, "Invalid signal: NONE", "stop_signal"},
		"dropped": {staging.WorkloadSpec{Container: &staging.Container{CapDrop: []string{"NONE"}}}, "unknown capability", "cap_drop"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Image, c.spec.Command = "debian-base:12", staging.Command{Args: []string{"sleep", "100"}}
			r := w.workload(name, c.spec)
			_, err := w.Apply(w.ctx, r)
			var e *staging.Error
			if !errors.As(err, &e) || e.Failure == nil || e.Failure.Class != staging.ClassStart || e.Failure.Service == "" {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(e.Message, c.words) || strings.Contains(e.Message, "runc") || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("it is told as %q, hint %q", e.Message, e.Hint)
			}
			if err := w.Delete(w.ctx, refOf(r)); err != nil {
				t.Error(err)
			}
		})
	}
}
