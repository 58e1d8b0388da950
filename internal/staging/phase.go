package staging

// Kind says what sort of environment this is; it never changes.
type Kind string

// The kinds of environment.
const (
	KindShared Kind = "shared"
	KindBranch Kind = "branch"
	KindLite   Kind = "lite"
)

// Phase is what a person sees an environment doing.
type Phase string

// The phases of an environment; what each serves is in docs/ARCHITECTURE.md.
const (
	PhaseQueued     Phase = "queued"
	PhaseDeploying  Phase = "deploying"
	PhaseReady      Phase = "ready"
	PhaseDegraded   Phase = "degraded"
	PhaseAsleep     Phase = "asleep"
	PhaseWaking     Phase = "waking"
	PhaseFailed     Phase = "failed"
	PhaseDestroying Phase = "destroying"
	PhaseDestroyed  Phase = "destroyed"
)

// Outcome is how a deployment ended, or that it runs.
type Outcome string

// The outcomes of a deployment.
const (
	OutcomeRunning    Outcome = "running"
	OutcomeSucceeded  Outcome = "succeeded"
	OutcomeFailed     Outcome = "failed"
	OutcomeSuperseded Outcome = "superseded"
	OutcomeCancelled  Outcome = "cancelled"
)

// StepName names a step of a deployment; hooks are "hook:NAME".
type StepName string

// The steps of a deployment in their usual order; build and data overlap.
const (
	StepCheckout StepName = "checkout"
	StepManifest StepName = "manifest"
	StepBuild    StepName = "build"
	StepData     StepName = "data"
	StepRelease  StepName = "release"
	StepStart    StepName = "start"
	StepHealth   StepName = "health"
	StepRoute    StepName = "route"
)

// HookStep is the step of the hook with that name.
func HookStep(name string) StepName { return StepName("hook:" + name) }
