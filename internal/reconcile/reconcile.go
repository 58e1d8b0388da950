// Package reconcile brings environments to what is wanted of them: it
// observes, asks the planner, carries out what the plan says and records it.
//
// It decides nothing: order and reasons are the planner's, and every fact that
// must outlive a crash is in the store before the effect it announces.
package reconcile

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/edge"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Reader is what is asked of the store.
type Reader interface {
	Desires
	Made
}

// Desires are what is wanted, and what was done towards it.
type Desires interface {
	Project(ctx context.Context, name string) (staging.Project, error)
	Environment(ctx context.Context, id string) (staging.Environment, error)
	Deployment(ctx context.Context, id string) (staging.Deployment, error)
	// Underway are the deployments that run and the newest one, newest first.
	Underway(ctx context.Context, environment string) ([]staging.Deployment, error)
}

// Made is what was made: the ledger, and golden copies.
type Made interface {
	Resources(ctx context.Context, owner string) ([]staging.Resource, error)
	ResourcesByKind(ctx context.Context, kind staging.ResourceKind) ([]staging.Resource, error)
	Snapshot(ctx context.Context, id string) (staging.Snapshot, error)
}

// Writer is what is written in one transaction.
type Writer interface {
	Reader
	LedgerWriter
	PutEnvironment(ctx context.Context, e staging.Environment) error
	PutDeployment(ctx context.Context, d staging.Deployment) error
	AppendEvent(ctx context.Context, e staging.Event) (int64, error)
}

// LedgerWriter writes down what is made, before it is.
type LedgerWriter interface {
	PutResource(ctx context.Context, r staging.Resource) error
	DeleteResource(ctx context.Context, name string) error
	PutSnapshot(ctx context.Context, s staging.Snapshot) error
	DeleteSnapshot(ctx context.Context, id string) error
}

// Store remembers.
type Store interface {
	Reader
	EnvironmentByBranch(ctx context.Context, project, branch string) (staging.Environment, error)
	Snapshots(ctx context.Context, project string) ([]staging.Snapshot, error)
	// Read answers as of one instant.
	Read(ctx context.Context, do func(Reader) error) error
	Committer
}

// Committer writes all of what do says, or nothing of it.
type Committer interface {
	// Write outlives a power cut when it returns.
	Write(ctx context.Context, do func(Writer) error) error
	// WriteSoon is for what is found out again should the power take it.
	WriteSoon(ctx context.Context, do func(Writer) error) error
}

// Source checks revisions out.
type Source interface {
	Checkout(ctx context.Context, project, sha, dir string) error
}

// Folders is where data and checkouts lie.
type Folders interface {
	Path(name string) (string, error)
	Observe(ctx context.Context, r staging.Resource) staging.Observation
	Delete(ctx context.Context, name string) error
	List(ctx context.Context, owner string) ([]staging.Observation, error)
	// Leave removes what is left of an owner's place once it lists nothing.
	Leave(ctx context.Context, owner string) error
}

// Edge is the only way in.
type Edge interface {
	Routes
	Gates
	// Drain waits until nothing is in flight to where the route led before.
	Drain(ctx context.Context, environment string) error
}

// Routes say where the hosts of an environment lead.
type Routes interface {
	Put(r edge.Route)
	Remove(environment string)
	Route(environment string) (edge.Route, bool)
}

// Gates let requests through, or hold them.
type Gates interface {
	Hold(environment string) bool
	Quiesce(ctx context.Context, environment string) error
	Pause(ctx context.Context, environment string)
	Holding(environment string) bool
	Fail(environment string, f *staging.Failure)
}

// Links are the listeners through which workloads reach other environments.
type Links interface {
	Open(link, address string) error
	// OpenDoor listens at address for an environment's own hosts and the names of
	// its links, and at further ports of the same host where nobody else does.
	OpenDoor(door, address string, further ...int) error
	// IsOpen and Close are for doors too.
	IsOpen(link string) bool
	Close(link string) error
}

// Mail is where the mail of environments is caught.
type Mail interface {
	Open(environment, address string) error
	IsOpen(environment string) bool
	// Close ends listening; what was caught stays.
	Close(environment string) error
}

// Ground is a platform, with who owns the data that is served on it, by kind.
type Ground struct {
	Platform platform.Driver
	Data     map[string]datastore.Driver
}

// Config is what an Engine works with.
type Config struct {
	Store Store
	// Grounds are what environments stand on, by the names of their platforms.
	Grounds map[string]Ground
	Source  Source
	Folders Folders
	Edge    Edge
	Links   Links
	Mail    Mail
	// LinkURL is where people's browsers find what a link leads to, "" where
	// it leads nowhere.
	LinkURL func(ctx context.Context, e staging.Environment, l staging.Link) string
	Site    staging.Site
	// Read reads the stack of a checkout.
	Read func(ctx context.Context, dir string, p staging.Project, e staging.Environment, sha string) (*staging.Stack, []staging.Note, error)
	// Variables are the project's for that environment, secrets in the clear.
	Variables func(ctx context.Context, p staging.Project, e staging.Environment) ([]staging.Variable, error)
	// Ahead is how far data taken at one revision is ahead of another, nil where
	// it is not or nobody can tell.
	Ahead func(ctx context.Context, project, data, revision string, migrations []string) *staging.Ahead
	// Password is an environment's own for a datastore.
	Password func(owner, datastore string) string
	// Slots is how many environments are deployed at a time, 0 for what suits
	// the machine. Scarce is why nothing new may be begun, "" where it may; it
	// may be nil.
	Slots  int
	Scarce func() string
	Log    *slog.Logger
	Now    func() time.Time
}

// slotsPerCPU and fewestSlots make the usual number of slots: deployments wait
// more than they compute.
const (
	slotsPerCPU = 2
	fewestSlots = 4
)

// Engine runs one actor for each environment that has work, and none for those
// that have not.
type Engine struct {
	Config
	ctx  context.Context
	stop context.CancelFunc

	mu     sync.Mutex
	actors map[string]*actor
	closed bool
	all    sync.WaitGroup
	// memory outlives an actor: what was seen to answer since it started.
	memory    map[string]*memory
	admission *admission
}

// New makes an engine that does nothing until it is kicked.
func New(c Config) *Engine {
	ctx, stop := context.WithCancel(context.Background())
	if c.Slots == 0 {
		c.Slots = max(fewestSlots, slotsPerCPU*runtime.NumCPU())
	}
	if c.Scarce == nil {
		c.Scarce = func() string { return "" }
	}
	e := &Engine{Config: c, ctx: ctx, stop: stop, actors: map[string]*actor{}, memory: map[string]*memory{}}
	e.admission = newAdmission(c.Slots, c.Scarce, c.Now, e.Kick)
	return e
}

// Kick says that something about an environment has changed. It never blocks.
func (e *Engine) Kick(environment string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	a := e.actors[environment]
	if a == nil {
		m := e.recall(environment)
		a = newActor(e, environment, m, Ground{}) // the store says which, once it looks
		e.actors[environment] = a
		e.all.Go(a.run)
		return
	}
	a.again = true
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// retire ends an actor unless it was kicked meanwhile. Of what is gone for good
// nothing is remembered.
func (e *Engine) retire(a *actor, gone bool) bool {
	// Before another one may begin, whose place would be given back.
	e.admission.leave(a.id)
	e.mu.Lock()
	defer e.mu.Unlock()
	if a.again && !e.closed {
		a.again = false
		return false
	}
	delete(e.actors, a.id)
	if gone {
		delete(e.memory, a.id)
	}
	return true
}

// Stop cancels what is under way, waits for it, and leaves everything running
// that runs. It may be called more than once, and before any Kick.
func (e *Engine) Stop() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.stop()
	e.all.Wait()
}

// Busy is whether work on an environment is under way.
func (e *Engine) Busy(environment string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.actors[environment] != nil
}

// Go runs work that outlives a request, until it ends or the engine stops; it
// answers false, and runs nothing, where the engine has stopped.
func (e *Engine) Go(work func(ctx context.Context)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.all.Go(func() { work(e.ctx) })
	return true
}
