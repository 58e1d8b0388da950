// Package platform is the contract between the control plane and whatever
// runs workloads: processes, Docker, Kubernetes, a CloudFormation stack.
//
// It decides nothing. Which workloads exist, in which order and why, is the
// planner's; a driver makes, observes, deletes and lists.
package platform

import (
	"context"
	"io"
	"time"

	"offshoot/internal/staging"
)

// Resource is the desired state of one thing that a platform makes. Exactly
// one of the pointers that its Kind names is set.
type Resource struct {
	Kind staging.ResourceKind
	// Name is the ledger's: deterministic, unique on the server.
	Name string
	// Owner is the owner tag, the id by which List finds it again.
	Owner      string
	Generation int64
	SpecHash   string

	Scope    *Scope
	Endpoint *Endpoint
	Workload *staging.WorkloadSpec // ResourceWorkload and ResourceTask
	Build    *staging.BuildSpec
	Bundle   *Bundle
}

// Scope holds one environment together: a user id, a folder and a cgroup; a
// network; a namespace.
type Scope struct {
	Project     string
	Environment string
	Slug        string
}

// Endpoint is an address that a workload will listen on. It is allotted before
// anything listens, because the variables of others name it.
type Endpoint struct {
	// Service is the stack's, Port what it listens on there: that of the address
	// where Traits.OwnPorts. 0 is any, for what the server itself listens on.
	Service string
	Port    int
	// Instance is the same for all endpoints of one workload, whose specification
	// names it too; "" is what the server itself listens on. Where each workload
	// has an address of its own, it is allotted with the first of them.
	Instance string
	// Also are further ports at which what the server listens on is to be reached
	// inside, where the platform can lead there.
	Also []int
}

// Bundle is a whole desired set, for platforms of GrainBundle. Applying another
// SpecHash under its name is what it is for: what is in both sets goes on, what
// is new is up before what is no longer wanted goes. An order of a newer
// generation waits for the one under way or cancels it, never interleaves; one
// of an older generation is refused as superseded.
//
// It is observed as starting until the order is done, then as running, or as
// exited where nothing of it is to run (Asleep), or as failing where something
// did not stay up: then the set before goes on, and Reason names what failed.
// Its members are observed and waited for by their own names too; they are
// listed and deleted with it.
type Bundle struct {
	// Phase is data or app: data is applied first and kept over redeploys.
	Phase     string
	Resources []Resource
	// Asleep asks for the same set with nothing running.
	Asleep bool
}

// Driver is the core of the contract.
//
// All methods are safe for concurrent use. Every call ends when ctx does, and
// what it had begun by then is either not there or found by List. Errors are
// *staging.Error or *staging.Waiting; any other error may be tried again.
type Driver interface {
	// Traits says what this driver is; it never changes while the server runs.
	Traits() Traits

	// Apply makes r exist as described, or does nothing where it already
	// does. It returns when the thing is made, not when it is ready: a task or
	// build is started, not finished. Applying another SpecHash under the
	// same name is an error, a bundle's apart; the planner gives changed things
	// new names.
	// A task or build that may have begun is never started again by Apply; one
	// that was written down and never begun, because its server died in
	// between, is absent and begins with the next. So is a build that ended with
	// its server and left nothing.
	// After an error the thing may exist: Observe tells.
	Apply(ctx context.Context, r Resource) (staging.Observation, error)

	// Observe looks at one resource by kind and name. It returns an error only
	// for a misuse; what it cannot see has Presence Unknown and a Reason.
	Observe(ctx context.Context, ref Ref) (staging.Observation, error)

	// Delete ends and removes one resource with everything that belongs to it
	// (descendants, log segments of tasks excepted). Deleting what is absent
	// is no error. It honours the stop signal and grace, then kills. It
	// returns when the thing is observed gone, or with an error that says
	// what remains. Deleting a scope removes all that is in it.
	Delete(ctx context.Context, ref Ref) error

	// List finds everything that carries this owner tag, "" for every owner.
	// A listing that is not complete is an error, never a short list.
	List(ctx context.Context, owner string) ([]staging.Observation, error)

	// Wait blocks until the resource's Run state or Presence differs from
	// what seen says, or ctx ends; then it answers as Observe. It does not
	// poll where the platform has events.
	Wait(ctx context.Context, ref Ref, seen staging.Observation) (staging.Observation, error)
}

// Ref names one resource of a driver.
type Ref struct {
	Kind  staging.ResourceKind
	Name  string
	Owner string
	// ID is the driver's own reference where the ledger has one.
	ID string
	// Discard says to Delete that the data goes too: what knows a DiscardSignal
	// gets that instead of its stop signal.
	Discard bool
}

// Grain is how fine a platform takes orders.
type Grain string

// The grains.
const (
	GrainWorkload Grain = "workload"
	GrainBundle   Grain = "bundle"
)

// Traits describe a driver to the planner and to people.
type Traits struct {
	Name  string
	Grain Grain
	// Images is whether services run from images (else from the checkout).
	Images bool
	// NamesResolve is whether service names answer inside as in Compose; else
	// values that name them are re-emitted with addresses.
	NamesResolve bool
	// OwnPorts is whether each workload may listen on the port it likes; else
	// PORT is allotted.
	OwnPorts bool
	// EndsWithHost is whether nothing that runs here outlives the host's power:
	// then what is written down before it starts need not be on the disk yet.
	EndsWithHost bool
	// StartsSlowly is whether a start is mostly the platform's own work: then what
	// comes next is made ready beside what starts now, not after it.
	StartsSlowly bool
	// BuildsApart is whether a build needs nothing of a scope: then both are made
	// side by side.
	BuildsApart bool
	// Isolation is one line for doctor: what separates environments here.
	Isolation string
	// Lacks are what this host cannot do, in plain words.
	Lacks []string
}

// Logger is the capability to read what a workload wrote.
type Logger interface {
	// Logs streams lines, oldest first, of every instance that matches, across
	// restarts. With Follow it goes on until ctx ends. Nothing is lost between
	// two segments or instances. The callback must not keep its line's bytes.
	Logs(ctx context.Context, q LogQuery, line func(LogLine) error) error
}

// LogQuery selects log lines.
type LogQuery struct {
	Owner string
	// Names are resource names (workloads or tasks); empty means all.
	Names  []string
	Follow bool
	// Tail is the number of last lines, negative for all.
	Tail  int
	Since time.Time
}

// LogLine is one line of output, without its line end.
type LogLine struct {
	At      time.Time
	Name    string
	Service string
	// Stream is stdout, stderr or offshoot (our own remarks, such as restarts).
	Stream string
	Text   []byte
}

// Attacher is the capability to run a command with a terminal.
type Attacher interface {
	// Exec runs a command in the sandbox of a workload or task that runs. It
	// blocks until the command ended and its output was drained, and returns its
	// exit code. When ctx ends the command and its descendants are hung up and
	// gone.
	Exec(ctx context.Context, x Exec) (exitCode int, err error)
}

// Exec is one interactive or piped command.
type Exec struct {
	// In is the name of a running workload or task.
	In    string
	Owner string
	// Spec is whose code the command belongs to: it starts in that working
	// directory. nil is the checkout.
	Spec    *staging.WorkloadSpec
	Command staging.Command
	TTY     bool
	Size    TerminalSize
	Resize  <-chan TerminalSize
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	// Env is added to the workload's own.
	Env map[string]string
}

// TerminalSize is in character cells.
type TerminalSize struct{ Rows, Cols uint16 }

// Pauser is the capability to hold workloads still without ending them.
type Pauser interface {
	// Pause stops the named workloads from running, all or none: servers
	// before the processes they would miss. Resume undoes it and is safe for
	// what is not paused. Both are short; Resume must work after a crash
	// between them.
	Pause(ctx context.Context, owner string, names []string) error
	Resume(ctx context.Context, owner string, names []string) error
}

// Rester is the capability to let workloads rest: they keep their memory, use no
// processor, and go on within some milliseconds. It is for platforms on which
// starting them costs far more than that, and which take workloads one by one.
type Rester interface {
	Pauser
	// Rest pauses the named workloads that run, all or none, until they are
	// resumed or deleted. Unlike what Pause does this outlives the server, and is
	// observed.
	Rest(ctx context.Context, owner string, names []string) error
}

// Keeper is the capability to know of builds without beginning one.
type Keeper interface {
	// Kept is the artifact of an earlier build of b's project and key that owner
	// may run, "" where there is none. It is kept for some hours at least.
	Kept(owner string, b staging.BuildSpec) string
}

// Fetcher is the capability to get images of elsewhere before anything runs them.
type Fetcher interface {
	// Missing are those of images that are not here. It asks no registry.
	Missing(ctx context.Context, images ...string) ([]string, error)
	// Fetch gets an image where it is missing, as the project signs in to
	// registries. It blocks, and tells how far it is now and then. Its error has a
	// Failure.
	Fetch(ctx context.Context, project, image string, tell func(text string)) error
}

// Preparer is the capability to make a start cheap.
type Preparer interface {
	// Prepare makes ready what Apply(r) will need, and starts nothing of the
	// workload. It is a hint: Apply works without it, after it failed, and with
	// another specification. What it made is not observed, goes with Delete, and
	// ends with the server.
	Prepare(ctx context.Context, r Resource) error
}

// Outbound lists where workloads may connect to outside of their environment.
type Outbound struct {
	// Hosts are HOST, *.HOST for all names below it, or an address of IPv4, each
	// with :PORT or for all ports.
	Hosts []string
}

// Confiner is the capability to bound where workloads connect to outside, whatever
// they do inside.
type Confiner interface {
	// Confine lets the workloads of an owner connect outside only where to says,
	// from now on and over restarts; nil is anywhere. It holds for what runs too;
	// what is connected stays so. It may come before the owner's scope, and ends
	// with that. Where it cannot be enforced it is an error of class policy, and
	// nothing is changed.
	Confine(ctx context.Context, owner string, to *Outbound) error
	// Blocked are the connections of an owner that were turned away, the last
	// first: those of Confine, and those to what no workload may reach.
	Blocked(ctx context.Context, owner string) ([]Blocked, error)
}

// Blocked is where connections were not let through to.
type Blocked struct {
	// Host is a name where it is known, else an address.
	Host string `json:"host"`
	// Port is 0 where the protocol has none.
	Port int `json:"port"`
	// Protocol is tcp, udp, another's number, or dns for a name that was asked for
	// and not told.
	Protocol string `json:"protocol"`
	Count    int64  `json:"count"`
	// First and Last are when.
	First time.Time `json:"first_at"`
	Last  time.Time `json:"last_at"`
}

// Watcher is the capability to tell of workloads that crash, recover or end
// without anybody asking.
type Watcher interface {
	// Watch blocks until ctx ends. changed must not block; it is told the
	// owner, and may be told more often than something changed.
	Watch(ctx context.Context, changed func(owner string)) error
}

// Lookout is the capability to see where a workload listens.
type Lookout interface {
	// Listening are the TCP addresses (HOST:PORT) on which the processes of a
	// running workload accept connections.
	Listening(ctx context.Context, ref Ref) ([]string, error)
}
