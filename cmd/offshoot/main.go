// Command offshoot is server, router and client in one.
package main

import (
	"os"

	"offshoot/internal/cli"
	"offshoot/internal/platform/process/shim"
)

func main() {
	shim.Main()
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
