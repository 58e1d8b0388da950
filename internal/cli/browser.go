package cli

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// browse opens an address in the person's browser where there is one; where
// there is none the address was printed, and that is enough.
func browse(ctx context.Context, address string) error {
	program := "xdg-open"
	if runtime.GOOS == "darwin" {
		program = "open"
	} else if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return nil //nolint:nilerr // a machine without a browser is no failure
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, path, address).Run()
}
