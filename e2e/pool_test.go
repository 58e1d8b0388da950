package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// unmountPool takes the pool from its place, as a restart of the host does.
func unmountPool(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(unmounted(ts.Getenv("OFFSHOOT_DATA_DIR")))
}

func unmounted(data string) error {
	if _, err := os.Lstat(filepath.Join(data, "pool.xfs")); err != nil {
		return nil //nolint:nilerr // there is none
	}
	if out, err := exec.Command("umount", filepath.Join(data, "pool")).CombinedOutput(); err != nil {
		return fmt.Errorf("umount: %w: %s", err, out)
	}
	return nil
}
