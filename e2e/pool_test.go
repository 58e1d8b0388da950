package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"offshoot/internal/componenttest"
)

// unmountPool takes the pool from its place, as a restart of the host does.
func unmountPool(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(unmounted(ts.Getenv("OFFSHOOT_DATA_DIR")))
}

// smallDisk gives the data folder a disk of its own, of that size and kind:
// small-disk SIZE [KIND].
func smallDisk(ts *testscript.TestScript, _ bool, args []string) {
	data, image, kind := ts.Getenv("OFFSHOOT_DATA_DIR"), ts.MkAbs("disk.image"), "ext4"
	if len(args) > 1 {
		kind = args[1]
	}
	ts.Check(os.MkdirAll(data, 0o711))
	for _, args := range [][]string{{"truncate", "-s", args[0], image}, {"mkfs." + kind, "-q", image}, {"mount", "-o", "loop", image, data}} {
		ts.Check(ts.Exec(args[0], args[1:]...))
	}
	ts.Check(os.Chmod(data, 0o711))
}

// TestDisks runs the scripts of testdata/disk on each kind of file system that
// copies in a way of its own.
func TestDisks(t *testing.T) {
	kinds := []string{"ext4", "xfs", "btrfs"}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			if _, err := exec.LookPath("mkfs." + kind); err != nil || os.Geteuid() != 0 {
				component := kind
				if kind == "ext4" { // wherever a system is, its tools are
					component = "root"
				}
				componenttest.Missing(t, component, "only root can mount a disk, and mkfs."+kind+" makes it")
			}
			p := scripts(t)
			p.Dir = "testdata/disk"
			p.Condition = func(name string) (bool, error) {
				if slices.Contains(kinds, name) {
					return name == kind, nil
				}
				return condition(name)
			}
			inner := p.Setup
			p.Setup = func(e *testscript.Env) error {
				e.Vars = append(e.Vars, "DISK="+kind, "STRATEGY="+map[string]string{"ext4": "copy", "xfs": "reflink", "btrfs": "reflink"}[kind])
				return inner(e)
			}
			testscript.Run(t, p)
		})
	}
}

// unmounted takes away what a script has mounted in or at a data folder.
func unmounted(data string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil //nolint:nilerr // this system mounts nothing
	}
	for _, at := range []string{filepath.Join(data, "pool"), data} {
		if !strings.Contains(string(table), " "+at+" ") {
			continue
		}
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			return fmt.Errorf("umount: %w: %s", err, out)
		}
	}
	return nil
}
