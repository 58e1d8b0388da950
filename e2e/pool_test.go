package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// unmountPool takes the pool from its place, as a restart of the host does.
func unmountPool(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(unmounted(ts.Getenv("OFFSHOOT_DATA_DIR")))
}

// smallDisk gives the data folder a disk of its own, of that size.
func smallDisk(ts *testscript.TestScript, _ bool, args []string) {
	data, image := ts.Getenv("OFFSHOOT_DATA_DIR"), ts.MkAbs("disk.image")
	ts.Check(os.MkdirAll(data, 0o711))
	for _, args := range [][]string{{"truncate", "-s", args[0], image}, {"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, data}} {
		ts.Check(ts.Exec(args[0], args[1:]...))
	}
	ts.Check(os.Chmod(data, 0o711))
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
