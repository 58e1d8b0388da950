package platformtest

import (
	"fmt"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// Program is what a workload of the suite does, in words that every platform
// can be taught. In this order it says its lines, prints a variable, and then
// ticks, copies its input, or stays until it is asked to end; else it exits.
type Program struct {
	// Say are lines for its standard output.
	Say []string
	// Print is the name of a variable whose value it says.
	Print string
	// Write is the text of a file "built" that it leaves in its directory;
	// Read says what is in that file.
	Write string
	Read  bool
	// Tick says "tick" over and over, a hundred times a second or so.
	Tick bool
	// Cat copies its input to its output until that ends.
	Cat bool
	// Stay runs until it is asked to end, and for ever where it is Stubborn.
	Stay     bool
	Stubborn bool
	// Nap runs for some time, then ends: a clock that the suite waits for.
	Nap  time.Duration
	Code int
	// Greedy takes more memory than any limit of the suite.
	Greedy bool
	// Env and Timeout are the workload's.
	Env     map[string]string
	Timeout time.Duration
}

// Shell is the program for a platform with a POSIX shell.
func Shell(p Program) staging.Command {
	var b strings.Builder
	if p.Stubborn {
		b.WriteString("trap '' TERM HUP INT; ")
	}
	for _, line := range p.Say {
		fmt.Fprintf(&b, "echo '%s'; ", line)
	}
	if p.Print != "" {
		fmt.Fprintf(&b, `echo "$%s"; `, p.Print)
	}
	if p.Write != "" {
		fmt.Fprintf(&b, "echo '%s' > built; ", p.Write)
	}
	if p.Read {
		b.WriteString("cat built; ")
	}
	switch {
	case p.Tick:
		b.WriteString("while :; do echo tick; sleep 0.01; done; ")
	case p.Cat:
		b.WriteString("cat; ")
	case p.Stay:
		b.WriteString("while :; do sleep 3600; done; ")
	case p.Greedy:
		b.WriteString("exec tail /dev/zero; ") // keeps a line that never ends
	case p.Nap > 0:
		fmt.Fprintf(&b, "sleep %f; ", p.Nap.Seconds())
	}
	fmt.Fprintf(&b, "exit %d", p.Code)
	return staging.Command{Shell: b.String()}
}
