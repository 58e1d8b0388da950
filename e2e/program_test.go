package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

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
	flag.Parse()
	inParallel()
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

// inParallel lets twice as many scripts run at a time as there are processors,
// unless asked for another number: half of their time they wait, for a minute of
// the clock, a grace, a disk.
func inParallel() {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	}
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
