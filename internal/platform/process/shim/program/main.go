// Command program is the shim alone, a tenth of the whole program: every
// workload has one, so what it weighs and how long it starts is paid each time.
// Under another name than the shim's it prints which source it was built of.
package main

import (
	"fmt"

	"offshoot/internal/platform/process/shim"
)

func main() {
	shim.Main()
	fmt.Println(shim.Source())
}
