package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"offshoot/internal/fault"
	fakeplatform "offshoot/internal/platform/fake"
	"offshoot/internal/staging"
)

// tries bounds how many calls of one method are made to go wrong one by one.
const tries = 5

// one is one way in which one call goes wrong.
type one struct {
	driver string
	fault.Fault
}

func (o one) String() string {
	return fmt.Sprintf("%s of %s %s %d", o.Effect, o.driver, o.Method, o.Nth)
}

// ways are all single faults that a scenario can meet: it is played once to
// see which calls it makes.
func ways(t *testing.T, s scenario, effects ...fault.Effect) []one {
	w := newWorld(t)
	s.before(w)
	before := map[string]int{}
	for name, p := range w.faults() {
		before[name] = len(p.Calls())
	}
	s.do(w)
	w.rested()
	var all []one
	for _, name := range sortedKeys(w.faults()) {
		calls := map[string]int{}
		for _, c := range w.faults()[name].Calls()[before[name]:] {
			calls[c.Method]++
		}
		for _, method := range sortedKeys(calls) {
			step := (1 + calls[method]/tries) * thin
			for n := 1; n <= calls[method]; n += step {
				for _, effect := range effects {
					all = append(all, one{name, fault.Fault{Method: method, Nth: n, Effect: effect}})
				}
			}
		}
	}
	return all
}

// TestOneCallGoesWrong lets each call to a driver fail once, before and after
// its effect: it ends somewhere sound, and a next try brings what was wanted.
func TestOneCallGoesWrong(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range ways(t, s, fault.Fail, fault.Lose) {
				t.Run(o.String(), func(t *testing.T) {
					w := newWorld(t)
					s.before(w)
					heal := w.faults()[o.driver].Break(o.Fault)
					s.do(w)
					w.rested()
					heal()
					w.sound()
					w.consistent()
					if w.env().DeleteRequestedAt.IsZero() {
						w.mend()
						w.deploy("revZ")
						w.phase(staging.PhaseReady)
						w.serves("revZ", staging.PhaseReady)
						w.holds("Z")
						w.sound()
					}
					w.gone()
				})
			}
		})
	}
}

// TestOneCallHangs lets each call to a driver hang: destroying comes through
// it, and leaves nothing.
func TestOneCallHangs(t *testing.T) {
	for _, s := range scenarios()[:3] {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range ways(t, s, fault.Hang) {
				if o.Method == fakeplatform.Observe || o.Method == fakeplatform.Delete || o.Method == fakeplatform.Resume {
					continue // these have short deadlines of their own
				}
				t.Run(o.String(), func(t *testing.T) {
					w := newWorld(t)
					s.before(w)
					w.faults()[o.driver].Break(o.Fault)
					s.do(w)
					w.met(o)
					w.gone()
				})
			}
		})
	}
}

// TestALookHangs holds that one look which never ends holds up nothing for
// good: its deadline makes it unknown.
func TestALookHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.platform.Break(fault.Fault{Method: fakeplatform.Observe, Nth: 3, Effect: fault.Hang})
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	w.sound()
	w.gone()
}

// met waits until the fault was met, or nothing is left that could meet it.
func (w *world) met(o one) {
	w.Helper()
	w.until("at the call", func() bool {
		n := 0
		for _, c := range w.faults()[o.driver].Calls() {
			if c.Method == o.Method {
				n++
			}
		}
		return n >= o.Nth || !w.server.Load().Busy(envID)
	})
}

// TestBlindness holds that what cannot be seen is neither made again nor
// deleted, and that all goes on once it is seen.
func TestBlindness(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			endpoint := string(staging.ResourceEndpoint)
			for _, f := range []fault.Fault{{Nth: 1}, {Nth: 7}, {Nth: 14}, {Kind: endpoint, Nth: 8}, {Kind: endpoint, Nth: 13},
				{Kind: endpoint, Nth: 26}, {Kind: endpoint, Nth: 40}, {}} {
				t.Run(fmt.Sprint("observation ", f.Kind, f.Nth), func(t *testing.T) {
					w := newWorld(t)
					s.before(w)
					before, starts := w.platform.Inventory(), w.platform.Starts()
					f.Method, f.Effect = fakeplatform.Observe, fault.Blind
					heal := w.platform.Break(f)
					s.do(w)
					if f.Nth == 0 {
						w.blindFor(before, starts)
						heal()
					}
					w.rested()
					s.then(w)
					w.sound()
					w.gone()
				})
			}
		})
	}
}

// blindFor lets a blind server work for a while and holds that nothing goes
// and nothing is started again.
func (w *world) blindFor(before []string, starts map[string]int) {
	w.Helper()
	looked := len(w.platform.Calls())
	enough := time.Now().Add(50 * time.Millisecond)
	w.until("looked at", func() bool {
		return len(w.platform.Calls()) > looked && time.Now().After(enough) || !w.server.Load().Busy(envID)
	})
	now := w.platform.Inventory()
	for _, name := range before {
		if !contains(now, name) {
			w.Errorf("%s was deleted unseen", name)
		}
	}
	for name, n := range w.platform.Starts() {
		if was, ok := starts[name]; ok && was != n {
			w.Errorf("%s was started again unseen", name)
		}
	}
}

// faults are where calls of the world's fakes can be made to go wrong.
func (w *world) faults() map[string]*fault.Points {
	return map[string]*fault.Points{"platform": &w.platform.Points, "postgres": &w.data["postgres"].Points, "volume": &w.data["volume"].Points}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
