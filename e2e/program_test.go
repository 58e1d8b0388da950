package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"offshoot/internal/componenttest"
	"offshoot/internal/engine/fetch"
	"offshoot/internal/platform/process/shim"
)

// programVariable names a program that is built already.
const programVariable = "OFFSHOOT_E2E_PROGRAM"

// programs is where what is under test is built.
var programs string

func TestMain(m *testing.M) {
	fetch.Main()
	shim.Main() // what a script leaves is cleared by a driver in this process
	componenttest.Parallel(2)
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if programs, err = os.MkdirTemp("", "e2e-programs-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(programs) }()
	return m.Run()
}

// built is the program, built once and as `make build` does it: what that has
// compiled is not compiled again.
var built = sync.OnceValues(func() (string, error) {
	if program := os.Getenv(programVariable); program != "" {
		return program, nil
	}
	program := filepath.Join(programs, "offshoot")
	return program, compile("build", "-o", program, "../cmd/offshoot")
})

// program is the path of the program under test.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// compile runs `go COMMAND -trimpath ARGS…` without cgo.
func compile(command string, args ...string) error {
	cmd := exec.Command("go", append([]string{command, "-trimpath"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", command, err, out)
	}
	return nil
}
