package docker

import (
	"time"

	"offshoot/internal/platform"
)

// cursor is how far the lines of one name were read, wherever they lie. The
// engine stamps each stream's lines in order, so a time in each says it, with
// how many lines had that time.
type cursor struct {
	streams map[string]place
	// floor is where reading began: what is before was not asked for.
	floor time.Time
}

type place struct {
	at time.Time
	n  int
}

func newCursor(floor time.Time) *cursor { return &cursor{streams: map[string]place{}, floor: floor} }

// since is from where on reading finds all that was not read.
func (c *cursor) since() time.Time {
	since := c.floor
	for i, stream := range []string{stdout, stderr} {
		if p := c.streams[stream]; i == 0 || p.at.Before(since) {
			since = p.at
		}
	}
	if since.Before(c.floor) {
		return c.floor
	}
	return since
}

// pass is a filter for one more reading that begins anywhere before c: it lets
// through what c has not yet seen, and moves c on.
func (c *cursor) pass() func(l platform.LogLine) bool {
	begin := map[string]place{stdout: c.streams[stdout], stderr: c.streams[stderr]}
	met := map[string]int{}
	return func(l platform.LogLine) bool {
		from := begin[l.Stream]
		switch {
		case l.At.Before(from.at) || l.At.Before(c.floor):
			return false
		case l.At.Equal(from.at):
			if met[l.Stream]++; met[l.Stream] <= from.n {
				return false
			}
		}
		if p := c.streams[l.Stream]; p.at.Equal(l.At) {
			c.streams[l.Stream] = place{p.at, p.n + 1}
		} else {
			c.streams[l.Stream] = place{l.At, 1}
		}
		return true
	}
}
