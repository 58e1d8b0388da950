package wiring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// A server that was killed may leave its lock to a process that it was just
// starting: that is waited for. One that lives is not.
func TestALockThatOutlivesItsServer(t *testing.T) {
	for name, c := range map[string]struct {
		lives bool
		wrong string
	}{"killed": {false, ""}, "running": {true, "another server uses"}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "server.lock")
			held := flock.New(path)
			if ok, err := held.TryLock(); err != nil || !ok {
				t.Fatal(ok, err)
			}
			pid := os.Getpid()
			if !c.lives {
				gone := exec.Command("true")
				if err := gone.Run(); err != nil {
					t.Fatal(err)
				}
				pid = gone.Process.Pid
			}
			if err := os.WriteFile(path+".pid", []byte(fmt.Sprintln(pid)), 0o600); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(50*time.Millisecond, func() { _ = held.Unlock() })
			unlock, err := lock(dir)
			if err == nil {
				unlock()
			}
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%v, want %q", err, c.wrong)
			}
		})
	}
}
