package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// Farewell is how long hooks of a destroyed environment may run: they never
// keep it.
const Farewell = 60 * time.Second

// hookPrefix tells the service of a hook's task from those of the stack.
const hookPrefix = "hook:"

// HookOf is the hook that a task is of, by the operation's service.
func HookOf(service string) (staging.HookName, bool) {
	name, ok := strings.CutPrefix(service, hookPrefix)
	return staging.HookName(name), ok
}

// hookTasks are the tasks of one hook, in order.
func hookTasks(dep *staging.Deployment, hook staging.HookName) []item {
	var items []item
	for i := range dep.Stack.Hooks.Commands(hook) {
		items = append(items, item{name: Name(dep.Environment, staging.ResourceTask, fmt.Sprintf("%s.hook-%s.%d", dep.ID, hook, i)),
			kind: staging.ResourceTask, service: hookPrefix + string(hook), instance: i})
	}
	return items
}

// HooksAfter are the hooks that run once a deployment serves.
func HooksAfter(first bool) []staging.HookName {
	if first {
		return []staging.HookName{staging.HookAfterCreate, staging.HookAfterDeploy}
	}
	return []staging.HookName{staging.HookAfterDeploy}
}

// announceHooks runs what the team wants done once the deployment serves. What
// is superseded announces nothing.
func (b *builder) announceHooks(dep *staging.Deployment, after []string) []string {
	if dep.Generation < b.in.Environment.Generation {
		return after
	}
	for _, hook := range HooksAfter(b.in.Serving == nil) {
		for _, it := range hookTasks(dep, hook) {
			after = b.run(dep, it, staging.HookStep(string(hook)), "hook "+string(hook), after)
		}
	}
	return after
}

// farewell runs what the team wants done before an environment goes, with the
// stack of the revision that served last. Its data is started for it where it
// sleeps. After a minute, or where something cannot be seen, it goes without.
func (b *builder) farewell(after []string) []string {
	dep := b.in.Serving
	if dep == nil || dep.Stack == nil {
		return after
	}
	tasks := slices.DeleteFunc(hookTasks(dep, staging.HookBeforeDestroy), func(it item) bool { return slices.Contains(dep.Progress.Ended, it.name) })
	left := Farewell - b.in.Now.Sub(b.in.Environment.DeleteRequestedAt)
	if len(tasks) == 0 || left <= 0 {
		return after
	}
	begin := len(b.plan.Ops)
	within := b.ensure(scope(dep.Environment), dep, "", "its hooks run before it goes")
	addresses := b.addresses(dep, within)
	ready := append(append(slices.Clone(after), addresses...), b.data(dep, within, addresses)...)
	for _, it := range tasks {
		ready = b.run(dep, it, staging.HookStep(string(staging.HookBeforeDestroy)), "before it goes", ready)
	}
	if len(b.plan.Waiting) > 0 {
		b.plan.Ops, b.plan.Waiting = b.plan.Ops[:begin], nil
		return after
	}
	b.plan.Again = left
	return ready
}
