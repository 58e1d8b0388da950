package plan

import "offshoot/internal/staging"

// prepare has workloads and tasks made ready that only wait for others to
// answer or to end, so that their start costs nothing then. All that they are
// made of must be there, and nothing be left that can be started already: what
// is waited for goes first, unless starting takes more than processors.
func (b *builder) prepare() {
	if !b.in.Prepares {
		return
	}
	for _, op := range b.plan.Ops {
		if b.goesFirst(op) {
			return
		}
	}
	for _, op := range b.plan.Ops {
		code := op.Kind == staging.ResourceTask || op.Kind == staging.ResourceWorkload && !isData(op.Resource)
		if op.Action == Apply && code && len(op.After) > 0 &&
			!b.in.Prepared[op.Resource] && b.presence(op.Resource) == staging.Absent {
			op.Action, op.Step, op.After = Prepare, "", nil
			b.add(op)
		}
	}
}

// goesFirst is whether an operation makes or moves what workloads stand on, or
// starts one now.
func (b *builder) goesFirst(op Op) bool {
	switch op.Action {
	case Read, Restore, SetAside:
		return true
	case Await:
		return op.Kind == staging.ResourceBuild
	case Apply:
		runs := op.Kind == staging.ResourceWorkload || op.Kind == staging.ResourceTask
		return !runs || len(op.After) == 0 && !b.in.StartsSlowly
	}
	return false
}
