package docker_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// TestAStrangersThingsAreNotTouched holds that what has one of our names and is
// not ours stays as it is, is named, and is not taken for ours.
func TestAStrangersThingsAreNotTouched(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	r := w.workload("web", program(platformtest.Program{Stay: true}))
	w.apply(r)
	name := containerName(w, r.Name)
	if err := w.Delete(w.ctx, refOf(r)); err != nil {
		t.Fatal(err)
	}
	made, err := w.engine.ContainerCreate(w.ctx, client.ContainerCreateOptions{Name: name, Config: &container.Config{Image: "debian-base:12", Cmd: []string{"sleep", "60"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := w.engine.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Errorf("somebody removed it: %v", err)
		}
	})
	if _, err := w.Apply(w.ctx, r); staging.CodeOf(err) != staging.CodeConflict || !strings.Contains(err.Error(), name) {
		t.Errorf("applied over a stranger's: %v", err)
	}
	if o := w.look(r); o.Presence != staging.Absent {
		t.Errorf("a stranger's is taken for ours: %+v", o)
	}
	if err := w.Delete(w.ctx, refOf(r)); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	if list, err := w.List(w.ctx, w.owner); err != nil || len(list) != 1 {
		t.Errorf("listed: %+v, %v", list, err)
	}
}

func containerName(w *world, name string) string {
	w.Helper()
	all, err := w.engine.ContainerList(w.ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", "offshoot.name="+name)})
	if err != nil || len(all.Items) != 1 {
		w.Fatalf("%d containers of %s: %v", len(all.Items), name, err)
	}
	return strings.TrimPrefix(all.Items[0].Names[0], "/")
}

// TestAStrangersNetworkIsNotTouched is the same of a scope, and of who joined it.
func TestAStrangersNetworkIsNotTouched(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	all, err := w.engine.NetworkList(w.ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("label", "offshoot.owner="+w.owner)})
	if err != nil || len(all.Items) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	ours := all.Items[0]
	guest, err := w.engine.ContainerCreate(w.ctx, client.ContainerCreateOptions{Config: &container.Config{Image: "debian-base:12", Cmd: []string{"sleep", "60"}},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(ours.Name)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine.ContainerStart(w.ctx, guest.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	err = w.Delete(w.ctx, refOf(w.scope()))
	if staging.CodeOf(err) != staging.CodeConflict {
		t.Errorf("a network that somebody joined: %v", err)
	}
	if _, err := w.engine.ContainerRemove(w.ctx, guest.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
		t.Errorf("the guest is gone: %v", err)
	}
	if err := w.Delete(w.ctx, refOf(w.scope())); err != nil {
		t.Fatal(err)
	}
	stranger, err := w.engine.NetworkCreate(w.ctx, ours.Name, client.NetworkCreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := w.engine.NetworkRemove(context.Background(), stranger.ID, client.NetworkRemoveOptions{}); err != nil {
			t.Errorf("somebody removed it: %v", err)
		}
	})
	if _, err := w.Apply(w.ctx, w.scope()); staging.CodeOf(err) != staging.CodeConflict || !strings.Contains(err.Error(), ours.Name) {
		t.Errorf("applied over a stranger's: %v", err)
	}
	if err := w.Delete(w.ctx, refOf(w.scope())); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
}

// TestTwoServersOnOneEngine holds that they do not see each other's things, of
// the same owner even.
func TestTwoServersOnOneEngine(t *testing.T) {
	one, two := newWorld(t, docker.Config{}), newWorld(t, docker.Config{})
	two.owner = one.owner
	one.apply(one.scope())
	r := one.workload("web", program(platformtest.Program{Stay: true}))
	one.apply(r)
	if list, err := two.List(two.ctx, ""); err != nil || len(list) != 0 {
		t.Errorf("the other lists %+v, %v", list, err)
	}
	if o := two.look(r); o.Presence != staging.Absent {
		t.Errorf("the other sees %+v", o)
	}
	two.apply(two.scope())
	two.apply(r)
	if err := two.Delete(two.ctx, refOf(two.scope())); err != nil {
		t.Fatal(err)
	}
	if o := one.look(r); !running(o) {
		t.Errorf("the other deleted its own, and %+v", o)
	}
}

// TestAPoolThatIsExhausted holds that it is said, and that a subnet which another
// server took is passed over.
func TestAPoolThatIsExhausted(t *testing.T) {
	pool := netip.MustParsePrefix("10.211.84.0/23")
	one := newWorld(t, docker.Config{Pool: pool})
	two := newWorld(t, docker.Config{Pool: pool})
	three := newWorld(t, docker.Config{Pool: pool})
	one.apply(one.scope())
	two.apply(two.scope())
	_, err := three.Apply(three.ctx, three.scope())
	if staging.CodeOf(err) != staging.CodeLimit || !strings.Contains(err.Error(), pool.String()) {
		t.Errorf("a third of two: %v", err)
	}
	if err := one.Delete(one.ctx, refOf(one.scope())); err != nil {
		t.Fatal(err)
	}
	three.apply(three.scope())
}

// TestATaskWhoseContainerIsRemovedIsNotBegunAgain holds that whoever tidies up
// the engine does not repeat a migration.
func TestATaskWhoseContainerIsRemovedIsNotBegunAgain(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	r := w.task("migrate", program(platformtest.Program{Code: 3}))
	w.apply(r)
	first := w.until(r, exited)
	remove := func(name string) {
		t.Helper()
		if _, err := w.engine.ContainerRemove(w.ctx, containerName(w, name), client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	remove(r.Name)
	w.Driver = open(t, w.config)
	if o := w.apply(r); o.Ref != first.Ref || *o.ExitCode != 3 || !o.ExitedAt.Equal(first.ExitedAt) {
		t.Errorf("was %+v, is %+v", first, o)
	}
	list, err := w.List(w.ctx, w.owner)
	if err != nil || len(list) != 2 {
		t.Errorf("listed: %+v, %v", list, err)
	}
	if err := w.Delete(w.ctx, refOf(r)); err != nil {
		t.Fatal(err)
	}
	if o := w.look(r); o.Presence != staging.Absent {
		t.Errorf("deleted, and %+v", o)
	}
	stay := w.task("stay", program(platformtest.Program{Stay: true}))
	w.apply(stay)
	w.until(stay, running)
	remove(stay.Name)
	if o := w.until(stay, exited); o.Reason == "" {
		t.Errorf("nothing says how it ended: %+v", o)
	}
}

// TestAWorkloadThatSomebodyStoppedIsStartedAgain holds that it is seen to have
// ended, and runs again when it is wanted.
func TestAWorkloadThatSomebodyStoppedIsStartedAgain(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	spec := program(platformtest.Program{Stay: true})
	spec.Restart = true
	r := w.workload("web", spec)
	w.apply(r)
	first := w.until(r, running)
	now := 0
	if _, err := w.engine.ContainerStop(w.ctx, first.Ref, client.ContainerStopOptions{Timeout: &now}); err != nil {
		t.Fatal(err)
	}
	w.until(r, exited)
	if o := w.apply(r); !running(o) || o.Ref != first.Ref || !o.StartedAt.After(first.StartedAt) {
		t.Errorf("was %+v, is %+v", first, o)
	}
}

// TestWhatIsThrownAwayIsNotStartedAgain holds that a signal of its own, which the
// engine does not take for its stop signal, ends a workload for good.
func TestWhatIsThrownAwayIsNotStartedAgain(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	r := w.workload("db", staging.WorkloadSpec{Restart: true, DiscardSignal: "SIGQUIT",
		Command: staging.Command{Shell: "trap 'echo thrown away; exit 3' QUIT; trap '' TERM; echo up; while :; do sleep 0.05; done"}})
	r.Workload.StopGrace = time.Hour
	w.apply(r)
	follow(w, r, "up")
	ref := refOf(r)
	ref.Discard = true
	if err := w.Delete(w.ctx, ref); err != nil {
		t.Fatal(err)
	}
	if log := w.log(r); log != "up\nthrown away" {
		t.Errorf("it said %q", log)
	}
}

// follow reads a log until it says so.
func follow(w *world, r platform.Resource, until string) {
	w.Helper()
	heard := errors.New("heard")
	err := w.Logs(w.ctx, platform.LogQuery{Owner: w.owner, Names: []string{r.Name}, Tail: -1, Follow: true}, func(l platform.LogLine) error {
		if string(l.Text) == until {
			return heard
		}
		return nil
	})
	if !errors.Is(err, heard) {
		w.Fatal(err)
	}
}
