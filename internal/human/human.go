// Package human says numbers and times as people read them: in the one unit
// that says enough. It decides nothing.
package human

import (
	"fmt"
	"time"
)

// Span is a length of time. What lacks less than a minute of an hour, or less
// than half an hour of a day, counts as whole: three days are still three days
// when the answer to "extend it by three days" is printed.
func Span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Round(time.Minute).Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Round(time.Hour).Hours()/24))
}

// Took is how long something took, in milliseconds.
func Took(ms int64) string {
	switch {
	case ms < 1000:
		return fmt.Sprintf("%d ms", ms)
	case ms < 60_000:
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	return fmt.Sprintf("%d min %02d s", ms/60_000, ms/1000%60)
}

// Size is a number of bytes, in units of 1024.
func Size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d kB", (n+1023)>>10)
}

// Revision is the part of a commit's id that people read.
func Revision(sha string) string { return sha[:min(10, len(sha))] }
