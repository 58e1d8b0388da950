package reconcile

import (
	"errors"
	"testing"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// TestWhatWasJustSeen holds after which operations what was seen of two things
// still holds, and for how long.
func TestWhatWasJustSeen(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		what     string
		op       plan.Op
		err      error
		one, two bool
	}{
		{"one was asked whether it answers", plan.Op{Action: plan.Health, Resource: "one"}, nil, false, true},
		{"the route leads elsewhere", plan.Op{Action: plan.Route, Resource: "route"}, nil, true, true},
		{"one was started", plan.Op{Action: plan.Apply, Kind: staging.ResourceWorkload, Resource: "one"}, nil, false, true},
		{"one was removed", plan.Op{Action: plan.Delete, Kind: staging.ResourceWorkload, Resource: "one"}, nil, false, true},
		{"one was not started", plan.Op{Action: plan.Apply, Kind: staging.ResourceWorkload, Resource: "one"}, errors.New("no"), false, false},
		{"one does not answer", plan.Op{Action: plan.Health, Resource: "one"}, errors.New("no"), false, false},
		{"all stood still for a moment", plan.Op{Action: plan.Mark, Resource: "mark"}, nil, false, false},
		{"what all stands on was made", plan.Op{Action: plan.Apply, Kind: staging.ResourceScope, Resource: "scope"}, nil, false, false},
	} {
		s := sight{"one": {staging.Observation{Presence: staging.Present}, now}, "two": {staging.Observation{Presence: staging.Absent}, now}}
		s.changed(result{op: c.op, err: c.err})
		_, one := s.of("one", now.Add(goodFor-1))
		_, two := s.of("two", now.Add(goodFor-1))
		if one != c.one || two != c.two {
			t.Errorf("once %s: %v %v, not %v %v", c.what, one, two, c.one, c.two)
		}
	}
	s := sight{"one": {staging.Observation{Presence: staging.Present}, now}, "unknown": {staging.Observation{Presence: staging.Unknown}, now}}
	if _, ok := s.of("one", now.Add(goodFor)); ok {
		t.Error("what was seen holds for ever")
	}
	if _, ok := s.of("unknown", now); ok {
		t.Error("what is not known is not looked at again")
	}
}
