// Command offshoot is server, router and client in one.
package main

import (
	"context"
	"os"

	"offshoot/internal/cli"
	"offshoot/internal/demo/emulator"
	"offshoot/internal/engine/fetch"
	"offshoot/internal/platform/docker/hold"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/wiring"
)

func main() {
	shim.Main()
	hold.Main()
	fetch.Main()
	emulator.Main()
	os.Exit(cli.Main(context.Background(), wiring.Program(), cli.Arguments(os.Args), os.Stdout, os.Stderr))
}
