package docker_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/platform/docker"
	"offshoot/internal/staging"
)

// TestFilesAreThereAsLongAsTheirContainer holds that a container gets its files,
// below what is empty at each start too, and that nothing is left of them with it.
func TestFilesAreThereAsLongAsTheirContainer(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	r := w.task("reads", staging.WorkloadSpec{Files: map[string]string{"/run/secrets/key": "k3y", "/etc/offshoot/app.conf": "verbose"},
		Mounts: []staging.HostMount{{Target: "/run/secrets", Tmpfs: true}}, Command: staging.Command{Shell: "cat /run/secrets/key /etc/offshoot/app.conf"}})
	w.apply(r)
	w.until(r, exited)
	if said := strings.TrimSpace(w.log(r)); said != "k3yverbose" {
		t.Errorf("it read %q", said)
	}
	if n := w.holding("k3y"); n != 1 {
		t.Errorf("%d files hold it", n)
	}
	if err := w.Delete(w.ctx, refOf(r)); err != nil {
		t.Fatal(err)
	}
	if n := w.holding("k3y"); n != 0 {
		t.Errorf("%d files hold it that is gone", n)
	}
}

// holding is how many files of the driver's are a text.
func (w *world) holding(text string) (n int) {
	w.Helper()
	err := filepath.WalkDir(w.config.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		is, err := os.ReadFile(path)
		if string(is) == text {
			n++
		}
		return err
	})
	if err != nil {
		w.Error(err)
	}
	return n
}
