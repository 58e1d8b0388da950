package plan

import (
	"slices"

	"offshoot/internal/staging"
)

// rests is whether an environment sleeps lightly: nobody used it for a while, and
// all that runs can stand still. What crashes cannot.
func (b *builder) rests() bool {
	env := b.in.Environment
	if !b.in.Rests || b.in.Bundles || env.Awake || env.AsleepBy != staging.AsleepIdle {
		return false
	}
	return !slices.ContainsFunc(b.workloads(), func(name string) bool {
		o := b.in.Observed[name]
		return o.Presence == staging.Present && o.Run != staging.RunRunning && o.Run != staging.RunPaused
	})
}

func (b *builder) workloads() []string {
	return slices.DeleteFunc(slices.Clone(b.names), func(name string) bool { return b.rows[name].Kind != staging.ResourceWorkload })
}

// lieDown lets what is kept and runs rest.
func (b *builder) lieDown(dep *staging.Deployment, kept map[string]bool, after []string) {
	if slices.ContainsFunc(b.workloads(), func(name string) bool {
		return kept[name] && b.there(name) && b.in.Observed[name].Run == staging.RunRunning
	}) {
		b.add(Op{Action: Rest, Deployment: dep.ID, Cause: "asleep"}, after)
	}
}

// resume lets what rests go on before anything else is done in an environment
// that is to be awake, or where a deployment works with its data, or a farewell.
func (b *builder) resume() {
	env, dep := b.in.Environment, b.in.Current
	works := env.Awake || dep != nil && dep.Outcome == staging.OutcomeRunning
	if !env.DeleteRequestedAt.IsZero() { // what only goes need not
		works = slices.ContainsFunc(b.plan.Ops, func(op Op) bool { return op.Action == Apply })
	}
	if !works || !slices.ContainsFunc(b.workloads(), func(name string) bool { return b.in.Observed[name].Run == staging.RunPaused }) {
		return
	}
	op := Op{ID: string(Resume), Action: Resume, Cause: "awake"}
	for i := range b.plan.Ops {
		if len(b.plan.Ops[i].After) == 0 {
			b.plan.Ops[i].After = []string{op.ID}
		}
	}
	b.plan.Ops = append(b.plan.Ops, op)
}
