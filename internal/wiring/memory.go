package wiring

import (
	"os"
	"strconv"
	"strings"
)

// shortPercent is under how much available memory, of all, nothing that sleeps
// keeps any.
const shortPercent = 15

// short is whether memory is short, by what the kernel says (proc_meminfo(5)): never
// where it says nothing.
func short(file string) func() bool {
	return func() bool {
		text, _ := os.ReadFile(file) // other systems have none
		total, available := meminfo(text, "MemTotal:"), meminfo(text, "MemAvailable:")
		return total > 0 && available < total/100*shortPercent
	}
}

// meminfo is a figure of it, in kB.
func meminfo(text []byte, key string) int64 {
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n
		}
	}
	return 0
}
