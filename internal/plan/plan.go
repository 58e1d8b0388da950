// Package plan turns what is wanted and what is seen of one environment into
// the operations that bring the one to the other.
//
// It holds all policy of order: what waits for what, what replaces what, what
// is let go. It is pure: no I/O, no clock, no randomness. Facts that must
// survive a crash are in the ledger and in a deployment's Progress, so that a
// plan made by a new server goes on where the old one ended.
package plan

import (
	"slices"
	"time"

	"offshoot/internal/staging"
)

// Action is what an operation does; the executor knows one way to do each.
type Action string

// The actions.
const (
	// Apply commits the row as intended and makes the resource.
	Apply Action = "apply"
	// Prepare makes ready what an Apply to come will start. It is a hint: nothing
	// waits for it, and its failing says nothing.
	Prepare Action = "prepare"
	// Await blocks until a build or task has ended and records how.
	Await Action = "await"
	// Ready blocks until a data server answers, and prepares copied data once.
	Ready Action = "ready"
	// Delete ends the resource, sees it absent and removes its row.
	Delete Action = "delete"
	// Read reads the manifest of the checkout and stores the stack.
	Read Action = "read"
	// Mark copies the data of one paused instant; Restore puts it back.
	Mark    Action = "mark"
	Restore Action = "restore"
	// Compare asks whether a release that failed had changed the schema.
	Compare Action = "compare"
	// Health blocks until a service can serve, or fails.
	Health Action = "health"
	// Route sends the hosts to the new workloads, if the generation is current.
	Route Action = "route"
	// Hold flips the hosts to holding while nothing is in flight, or, where the
	// environment stays awake, when what was in flight has had a moment to end.
	Hold Action = "hold"
	// Rest lets all that runs stand still while the environment sleeps, Resume
	// lets it go on.
	Rest   Action = "rest"
	Resume Action = "resume"
	// Drain waits until nothing is in flight to what no longer has a route.
	Drain Action = "drain"
	// SetAside keeps replaced data for a day.
	SetAside Action = "set aside"
	// Finish ends the deployment with Outcome.
	Finish Action = "finish"
	// Vanish asks every driver's inventory, then calls the environment gone.
	Vanish Action = "vanish"
)

// Op is one operation.
type Op struct {
	// ID is unique in its plan and the same in every plan that still has it,
	// so that an executor can tell what already runs.
	ID     string
	Action Action
	Kind   staging.ResourceKind
	// Resource is the ledger name, "" where the operation is on the whole.
	Resource string
	// Service is the stack's name of what is run, Instance its replica or the
	// index of a task.
	Service  string
	Instance int
	// Port is the stack's, of endpoints.
	Port int
	// Deployment is whose stack and variables describe the resource.
	Deployment string
	// Step is the line of the timeline that it belongs to, "" for none.
	Step staging.StepName
	// Contents identifies what a bundle is to hold, Asleep whether nothing of it
	// is to run.
	Contents string
	Asleep   bool
	// Outcome is how a deployment ends, Phase what the environment is then ("":
	// what it was).
	Outcome staging.Outcome
	Phase   staging.Phase
	// Cause is why, for people.
	Cause string
	// After are the operations of this plan that must have succeeded before.
	After []string
}

// Plan is a directed acyclic graph of operations. An empty one means that
// what is seen is what is wanted, or that only waiting helps.
type Plan struct {
	Ops []Op
	// Phase is what people see while this plan is executed.
	Phase staging.Phase
	// Again is after how long the plan is another one although nothing changed,
	// 0 for never.
	Again time.Duration
	// Waiting is why something is left undone although it is wanted.
	Waiting []string
}

// Startable are the operations that wait for no other.
func (p Plan) Startable() []Op {
	var ops []Op
	for _, op := range p.Ops {
		if len(op.After) == 0 {
			ops = append(ops, op)
		}
	}
	return ops
}

// Freed are the operations that waited only for these, which have ended.
func (p Plan) Freed(ended map[string]bool) []Op {
	var ops []Op
	for _, op := range p.Ops {
		if len(op.After) > 0 && !ended[op.ID] && !slices.ContainsFunc(op.After, func(id string) bool { return !ended[id] }) {
			ops = append(ops, op)
		}
	}
	return ops
}

// Input is everything that a plan is made of.
type Input struct {
	Now         time.Time
	Environment staging.Environment
	// Current is the latest deployment, Serving the one whose revision serves;
	// nil where there is none. They may be the same.
	Current *staging.Deployment
	Serving *staging.Deployment
	// Ledger are the rows of this environment; rows of other owners are left
	// alone. Observed is by name; a row that has no observation is unknown.
	Ledger   []staging.Resource
	Observed map[string]staging.Observation
	// Bundles is whether the platform takes whole sets of workloads (its grain
	// is bundle) instead of one at a time.
	Bundles bool
	// Doors is whether names lead to workloads' own addresses, so that those of
	// environments need one too.
	Doors bool
	// Empty is whether new data starts without a snapshot, so that seed runs.
	Empty bool
	// Prepares is whether the platform can make workloads ready ahead; Prepared
	// names those for which that was tried.
	Prepares bool
	Prepared map[string]bool
	// StartsSlowly is whether that is done beside what starts now.
	StartsSlowly bool
	// BuildsApart is whether builds need nothing of the scope.
	BuildsApart bool
	// Rests is whether the platform lets what sleeps rest for a while.
	Rests bool
	// Ready names the workloads that were seen to answer since they started. It
	// lives in memory: a new server asks each again.
	Ready map[string]bool
	// Down names those that were last seen not to come up: whoever waits for
	// something else does not wait for them.
	Down map[string]bool
	// Sessions are tasks that people sit in now: they end by themselves, by
	// sleep, or with the environment.
	Sessions map[string]bool
	// Holding is whether the edge holds requests of this environment.
	Holding bool
	// Drained is whether the edge saw the last request end that went elsewhere
	// than the route leads now.
	Drained bool
	// Predecessor is whether an environment of the same slug is not yet gone.
	Predecessor bool
}

// Next is the plan for one environment.
func Next(in Input) Plan {
	b := newBuilder(in)
	env, dep := in.Environment, in.Current
	switch {
	case env.Phase == staging.PhaseDestroyed:
		return Plan{Phase: staging.PhaseDestroyed}
	case !env.DeleteRequestedAt.IsZero():
		b.destroy()
	case in.Predecessor:
		return Plan{Phase: staging.PhaseQueued, Waiting: []string{"the environment before it is still being destroyed"}}
	case dep == nil || dep.Outcome != staging.OutcomeRunning:
		b.settle()
	case dep.Failure != nil:
		b.recover(staging.OutcomeFailed)
	case dep.Generation < env.Generation && !b.releasing():
		b.recover(staging.OutcomeSuperseded)
	default:
		b.deploy()
	}
	b.resume()
	b.prepare()
	return b.plan
}
