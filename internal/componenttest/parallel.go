package componenttest

import (
	"flag"
	"runtime"
	"strconv"
)

// Parallel lets so many tests run at a time for each processor, unless the flag
// -parallel asks for another number. It is for the TestMain of a package whose tests
// wait for much of their time: for servers to start, a grace, a minute of the clock.
func Parallel(times int) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", strconv.Itoa(times*runtime.GOMAXPROCS(0))) // the flag exists, and takes a number
	}
}
