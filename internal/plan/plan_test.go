package plan_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

func TestPlannerConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.backwards = rapid.Bool().Draw(t, "backwards")
		w.settle()
		for range rapid.IntRange(0, 6).Draw(t, "events") {
			w.failing = rapid.SampledFrom([]string{"", "", "build", "release", "start", "health"}).Draw(t, "failing")
			switch rapid.SampledFrom([]string{"deploy", "sleep", "wake", "reset", "upgrade", "scale", "blind"}).Draw(t, "event") {
			case "deploy":
				w.deploy()
			case "upgrade":
				w.version += "x"
				w.deploy()
			case "reset":
				w.env.Desired.DataResets++
				w.deploy()
			case "scale":
				w.env.Desired.Scale = map[string]int{"web": rapid.IntRange(0, 3).Draw(t, "web"), "worker": rapid.IntRange(0, 2).Draw(t, "worker")}
			case "sleep":
				w.env.Awake, w.env.AsleepBy = false, rapid.SampledFrom([]string{"alice", staging.AsleepIdle, staging.AsleepLong}).Draw(t, "by")
			case "wake":
				w.env.Awake = true
			case "blind":
				w.blind = true
				before := maps.Clone(w.exists)
				w.settle()
				for name := range before {
					if !w.exists[name] {
						t.Fatalf("deleted %s unseen", name)
					}
				}
				w.blind = false
			}
			for range rapid.IntRange(0, 12).Draw(t, "steps") {
				ops := plan.Next(w.input()).Startable()
				if len(ops) == 0 {
					break
				}
				op := rapid.SampledFrom(ops).Draw(t, "op")
				crash := rapid.IntRange(0, 2).Draw(t, "crash")
				w.do(op, crash)
				w.stillServing()
				if crash > 0 {
					w.ready, w.prepared = map[string]bool{}, map[string]bool{}
				}
			}
			if rapid.Bool().Draw(t, "wait") {
				w.settle()
				if p := plan.Next(w.input()); len(p.Ops) != 0 {
					t.Fatalf("a second plan is not empty: %+v", p)
				}
				w.serving()
			}
		}
		w.env.DeleteRequestedAt = w.env.DeleteRequestedAt.AddDate(1, 0, 0)
		w.settle()
		if w.env.Phase != staging.PhaseDestroyed || len(w.rows) != 1 || len(w.exists) != 1 {
			t.Fatalf("left behind: %v %v", slices.Collect(maps.Keys(w.rows)), slices.Collect(maps.Keys(w.exists)))
		}
	})
}

func TestWhatIsFreed(t *testing.T) {
	p := plan.Plan{Ops: []plan.Op{{ID: "a"}, {ID: "b"}, {ID: "c", After: []string{"a"}}, {ID: "d", After: []string{"a", "b"}}, {ID: "e", After: []string{"d"}}}}
	for _, c := range []struct{ ended, freed []string }{
		{nil, nil}, {[]string{"a"}, []string{"c"}}, {[]string{"b"}, nil}, {[]string{"a", "b"}, []string{"c", "d"}},
		{[]string{"a", "b", "c"}, []string{"d"}}, {[]string{"a", "b", "c", "d"}, []string{"e"}}, {[]string{"unseen x"}, nil},
	} {
		ended := map[string]bool{}
		for _, id := range c.ended {
			ended[id] = true
		}
		var freed []string
		for _, op := range p.Freed(ended) {
			freed = append(freed, op.ID)
		}
		if !slices.Equal(freed, c.freed) {
			t.Errorf("%v free %v, want %v", c.ended, freed, c.freed)
		}
	}
}
