package docker_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// TestAWorkloadHasACheckoutOfItsOwn holds that what is mounted of a checkout is
// as it was built, can be written by whoever runs there, and is seen by nobody
// else; and that a link in it leads nowhere outside.
func TestAWorkloadHasACheckoutOfItsOwn(t *testing.T) {
	w := newWorld(t, docker.Config{Builder: plainBuilder})
	w.apply(w.scope())
	checkout := t.TempDir()
	for name, text := range map[string]string{"main.sh": "main", "conf/app.conf": "setting"} {
		file := filepath.Join(checkout, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(checkout, "out")); err != nil {
		t.Fatal(err)
	}
	spec := buildOf(engine(t))(t, "0123456789abcdef", platformtest.Program{})
	spec.Checkout = checkout
	build := platform.Resource{Kind: staging.ResourceBuild, Name: w.owner + "/build/1", Owner: w.owner, SpecHash: "1", Build: spec}
	w.apply(build)
	artifact := w.until(build, exited).Ref
	if got := w.Kept(w.owner, *spec); got == "" || got != artifact {
		t.Errorf("built %q, kept %q", artifact, got)
	}
	if err := os.RemoveAll(checkout); err != nil { // the build's own goes
		t.Fatal(err)
	}
	mounts := []staging.HostMount{{Source: ".", Target: "/app", Checkout: true}, {Source: "conf/app.conf", Target: "/etc/app.conf", Checkout: true, ReadOnly: true}}
	look := staging.WorkloadSpec{Artifact: artifact, Dir: "/app", Mounts: mounts, Container: &staging.Container{User: "1234"},
		Command: staging.Command{Shell: "cat main.sh; echo; cat /etc/app.conf; echo; ls; echo changed > main.sh && cat main.sh"}}
	want := "main\nsetting\nconf\nmain.sh\nout\nchanged"
	for _, name := range []string{"one", "two"} {
		if said := w.says(name, look); said != want {
			t.Errorf("%s found\n%s\nwant\n%s", name, said, want)
		}
	}
	for _, part := range []string{"out", "../..", "none"} {
		look.Mounts = []staging.HostMount{{Source: part, Target: "/app", Checkout: true}}
		_, err := w.Apply(w.ctx, w.task("bad", look))
		if staging.CodeOf(err) != staging.ClassCode(staging.ClassStart) || !strings.Contains(err.Error(), part) {
			t.Errorf("mounted %s: %v", part, err)
		}
	}
	if err := w.Prune(w.ctx, nil); err != nil || w.Kept(w.owner, *spec) == "" {
		t.Fatalf("what was just built was pruned: %v", err)
	}
	kept, err := filepath.Glob(filepath.Join(w.config.Dir, "docker", "checkout", "*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept: %v, %v", kept, err)
	}
	if err := os.Chtimes(kept[0], time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := w.Prune(w.ctx, map[string]bool{artifact: true}); err != nil {
		t.Fatal(err)
	}
	if w.Kept(w.owner, *spec) == "" {
		t.Error("what is in use was pruned")
	}
	if err := w.Prune(w.ctx, nil); err != nil {
		t.Fatal(err)
	}
	if w.Kept(w.owner, *spec) != "" {
		t.Error("what nobody uses is kept")
	}
}
