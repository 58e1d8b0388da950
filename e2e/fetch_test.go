package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"offshoot/internal/componenttest"
	"offshoot/internal/engine"
	"offshoot/internal/engine/fetch"
	"offshoot/internal/platform/process/shim"
)

func TestMain(m *testing.M) {
	fetch.Main()
	shim.Main() // what a script leaves is cleared by a driver in this process
	flag.Parse()
	inParallel()
	os.Exit(m.Run())
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

// fetches is whether builds of servers can be had here: a machine without the
// internet skips what needs them, unless they are required.
func fetches() (bool, error) {
	err := reachable()
	if err != nil && componenttest.Required("fetch") {
		return false, fmt.Errorf("fetch is missing: %w", err)
	}
	return err == nil, nil
}

// reachable tries with the smallest build.
var reachable = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "offshoot-fetch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := engine.NewRuntime(dir)
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	_, err = r.Install(ctx, "valkey", nil)
	return err
})
