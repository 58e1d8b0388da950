package staging

import (
	"encoding/json"
	"time"
)

// ResourceKind says what a ledger row stands for.
type ResourceKind string

// The kinds of resource. Which driver makes which is said in the contracts.
const (
	// ResourceScope is what holds one environment together on a platform: a
	// user id, folder and cgroup; a network; a namespace.
	ResourceScope ResourceKind = "scope"
	// ResourceEndpoint is an address, allotted before anything listens there.
	ResourceEndpoint ResourceKind = "endpoint"
	// ResourceBuild is a running or finished build of an artifact.
	ResourceBuild ResourceKind = "build"
	// ResourceWorkload runs until it is deleted; ResourceTask runs once.
	ResourceWorkload ResourceKind = "workload"
	ResourceTask     ResourceKind = "task"
	// ResourceBundle is a whole desired set that a platform takes at once.
	ResourceBundle ResourceKind = "bundle"
	// ResourceClone is a branch's writable data; ResourceMark a copy of it
	// kept to go back to; ResourceAside data that was replaced, kept a day.
	ResourceClone    ResourceKind = "clone"
	ResourceMark     ResourceKind = "mark"
	ResourceAside    ResourceKind = "aside"
	ResourceSnapshot ResourceKind = "snapshot"
	ResourceCheckout ResourceKind = "checkout"
	ResourceRoute    ResourceKind = "route"
	ResourceLink     ResourceKind = "link"
	// ResourceDoor is where names of environments answer that the workloads of one
	// know: its own hosts and its links.
	ResourceDoor ResourceKind = "door"
	// ResourceMail is where an environment's mail is caught while it is awake,
	// and what was caught as long as it lives.
	ResourceMail ResourceKind = "mail"
)

// IsListener is whether the server itself listens there: it ends with the server,
// and is there again at once.
func (k ResourceKind) IsListener() bool {
	return k == ResourceLink || k == ResourceMail || k == ResourceDoor
}

// ResourceState is what the ledger last knew of a resource.
type ResourceState string

// The states of a row. A row is committed as intended before the thing is
// made and removed only after it was observed absent.
const (
	ResourceIntended ResourceState = "intended"
	ResourcePresent  ResourceState = "present"
	ResourceDeleting ResourceState = "deleting"
)

// Resource is one row of the ledger: something that we made or are about to.
type Resource struct {
	// Name is deterministic and unique on the server: OWNER/KIND/REST.
	Name string
	Kind ResourceKind
	// Driver is the driver that makes, observes and deletes it.
	Driver string
	// Owner is the id that the thing is tagged with: an environment's, a
	// snapshot's, or a project's name.
	Owner      string
	Project    string
	Generation int64
	SpecHash   string
	// Spec is the driver's own input as JSON, enough to delete the thing
	// without anything else. It holds no secrets.
	Spec  json.RawMessage
	State ResourceState
	// Ref is the driver's external reference ("" until made).
	Ref       string
	SizeBytes int64
	CreatedAt time.Time
	// DeleteReason is why deleting did not finish, "" where it has not failed.
	DeleteReason string
}

// Presence is three-valued: an unknown thing is never deleted and never made.
type Presence string

// The values of Presence.
const (
	Unknown Presence = "unknown"
	Present Presence = "present"
	Absent  Presence = "absent"
)

// RunState is what a workload, task or build is doing.
type RunState string

// The run states. Restarting is between a crash and the next try; Failing is
// a crash loop that is still retried. Done is a workload that ended well where
// that is for good (WorkloadSpec.Once).
const (
	RunNone       RunState = ""
	RunStarting   RunState = "starting"
	RunRunning    RunState = "running"
	RunPaused     RunState = "paused"
	RunRestarting RunState = "restarting"
	RunFailing    RunState = "failing"
	RunExited     RunState = "exited"
	RunDone       RunState = "done"
)

// Ending is what ended a task, a build or a run of a workload, where that was
// not its own doing. What is done about it rests on this, never on a Reason.
type Ending string

// The endings.
const (
	// EndingOwn is an exit, a signal, or a command that could not be started.
	EndingOwn Ending = ""
	// EndingTime is its time limit.
	EndingTime Ending = "time"
	// EndingMemory is want of memory: of the workload's limit or the machine's.
	EndingMemory Ending = "memory"
)

// Observation is what a driver sees of one of its resources.
type Observation struct {
	Kind     ResourceKind
	Name     string
	Owner    string
	Presence Presence
	Ref      string
	// SpecHash is that of what exists, "" where the driver cannot tell.
	SpecHash string
	Run      RunState
	// ExitCode is set once a task, build or workload has exited. Signals are
	// 128 + N.
	ExitCode  *int
	StartedAt time.Time
	ExitedAt  time.Time
	Restarts  int
	// Reason says why it is unknown, or how it ended, for people ("killed: out
	// of memory").
	Reason string
	// Ending is what ended it, or the run before where it was started again.
	Ending Ending
	// Failure is what a build failed by, where more is known than Reason.
	Failure *Failure
	// Images are what a build's fresh pulls got, by their names.
	Images map[string]UsedImage
	// Address is where it can be reached from the server (HOST:PORT), of
	// endpoints and of workloads that have one.
	Address   string
	SizeBytes int64
	// Exposes are the TCP ports that the image of a workload names as its own.
	Exposes []int
}
