package upkeep

import (
	"slices"
	"time"
)

const (
	// maxOutages bounds what is remembered; the oldest are forgotten first.
	maxOutages = 1000
	// keepOutages is longer than any environment lives unused.
	keepOutages = 400 * 24 * time.Hour
)

// outage is a while in which the server was down, or in which its clock only
// pretends that time went by.
type outage struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// outages are in order and do not overlap.
type outages []outage

// after is the instant at which that much time has gone by with the server up.
func (o outages) after(from time.Time, d time.Duration) time.Time {
	end := from.Add(d)
	for _, x := range o {
		if !x.To.After(from) {
			continue
		}
		begun := x.From
		if begun.Before(from) {
			begun = from
		}
		if !begun.Before(end) {
			break
		}
		end = end.Add(x.To.Sub(begun))
	}
	return end
}

// with adds one, joins those that touch, and forgets what is too old to matter.
func (o outages) with(x outage) outages {
	if !x.To.After(x.From) {
		return o
	}
	all := append(slices.Clone(o), x)
	slices.SortFunc(all, func(a, b outage) int { return a.From.Compare(b.From) })
	joined := all[:1]
	for _, y := range all[1:] {
		if last := &joined[len(joined)-1]; y.From.After(last.To) {
			joined = append(joined, y)
		} else if y.To.After(last.To) {
			last.To = y.To
		}
	}
	oldest := joined[len(joined)-1].To.Add(-keepOutages)
	joined = slices.DeleteFunc(joined, func(y outage) bool { return y.To.Before(oldest) })
	return joined[max(0, len(joined)-maxOutages):]
}
