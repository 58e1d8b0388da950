package reconcile

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// hookCommands are those of the hook that an operation is of, none where it is
// of another task.
func hookCommands(stack *staging.Stack, op plan.Op) []staging.Command {
	hook, ok := plan.HookOf(op.Service)
	if !ok {
		return nil
	}
	return stack.Hooks.Commands(hook)
}

// hookSteps are the lines of the timeline for the hooks of a stack.
func hookSteps(stack *staging.Stack, first bool) []staging.Step {
	var steps []staging.Step
	for _, hook := range plan.HooksAfter(first) {
		if len(stack.Hooks.Commands(hook)) > 0 {
			steps = append(steps, staging.Step{Name: staging.HookStep(string(hook)), State: staging.StepPending})
		}
	}
	return steps
}

// farewell is how long a task of an environment that is being destroyed may
// run, 0 where it is not being destroyed.
func (v *view) farewell() time.Duration {
	if v.Environment.DeleteRequestedAt.IsZero() {
		return 0
	}
	return max(time.Second, plan.Farewell-v.Now.Sub(v.Environment.DeleteRequestedAt))
}

// hookFailed keeps that a hook failed. It fails nothing else, and the rest of
// the same hook is left out.
func (a *actor) hookFailed(ctx context.Context, r result, hook staging.HookName) error {
	failure := a.explain(ctx, r)
	red := a.redactor(ctx)
	detail := failure.Message
	if n := len(failure.LogTail); n > 0 {
		detail += ": " + failure.LogTail[n-1]
	}
	detail = red.String(detail)
	return a.Store.Write(ctx, func(w Writer) error {
		env, err := w.Environment(ctx, a.id)
		if err != nil {
			return err
		}
		if err := edited(ctx, w, r.op.Deployment, func(d *staging.Deployment) {
			first := strings.TrimSuffix(r.op.Resource, "."+strconv.Itoa(r.op.Instance))
			for i := range d.Stack.Hooks.Commands(hook) {
				if name := first + "." + strconv.Itoa(i); i >= r.op.Instance && !slices.Contains(d.Progress.Ended, name) {
					d.Progress.Ended = append(d.Progress.Ended, name)
				}
			}
			for i := range d.Steps {
				if s := &d.Steps[i]; s.Name == r.op.Step {
					s.State, s.Detail = staging.StepFailed, detail
					if !s.StartedAt.IsZero() {
						s.DurationMS = a.Now().Sub(s.StartedAt).Milliseconds()
					}
				}
			}
		}); err != nil {
			return err
		}
		return a.event(ctx, w, env, "hook.failed", detail)
	})
}
