package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"offshoot/internal/datastore"
	fakedata "offshoot/internal/datastore/fake"
	"offshoot/internal/edge"
	"offshoot/internal/fault"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	fakeplatform "offshoot/internal/platform/fake"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
	"offshoot/internal/storage"
	"offshoot/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	envID = "env_aaaaaaaaaaaaaaaa"
	// limit bounds waiting for what must come about.
	limit = time.Minute
)

// world is everything that a server's death leaves: the store, what runs, what
// lies on the disk. The server in it is replaced as often as a test kills it.
type world struct {
	*testing.T
	ctx      context.Context
	dir      string
	store    *store.Store
	platform *fakeplatform.World
	data     map[string]*fakedata.Driver
	folders  *storage.Folders
	address  string
	project  staging.Project
	server   atomic.Pointer[server]
	// mu guards what programs look at while they run.
	mu sync.Mutex
	// bad is what of a revision's release, build or start fails.
	bad map[string]string
	// servers are the arguments that a revision gives its data server.
	servers map[string][]string
	// revisions are by deployment.
	revisions map[string]string
	lastID    int
	// later is how far the clock is ahead, in nanoseconds.
	later atomic.Int64
	// onStart is called, once, when the first service starts.
	onStart func()
}

// started lets something happen when the first service starts.
func (w *world) started(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onStart = do
}

// server is one life of the control plane.
type server struct {
	*reconcile.Engine
	edge *edge.Edge
	life *life
}

// life lets a server die at a write, and do nothing any more from then on, as
// if the process were killed.
type life struct {
	dead chan struct{}
	once sync.Once
	// kill is the write at which it dies, counted from 1, 0 for none; after is
	// whether that write is still committed.
	kill   int64
	after  bool
	writes atomic.Int64
}

// end is the server's death, at a write or because its scenario is over.
func (l *life) end() { l.once.Do(func() { close(l.dead) }) }

var errDead = errors.New("this server was killed")

func (l *life) check() error {
	select {
	case <-l.dead:
		return errDead
	default:
		return nil
	}
}

// memoryDir is a folder in memory where there is one: these tests are about
// order, not about disks.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "reconcile-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newWorld(t *testing.T) *world { return newWorldOf(t, platform.GrainWorkload) }

func newWorldOf(t *testing.T, grain platform.Grain) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, ctx: context.Background(), dir: memoryDir(t), address: l.Addr().String(), bad: map[string]string{}, servers: map[string][]string{}, revisions: map[string]string{},
		project: staging.Project{Name: "shop", StagingBranch: "main"}}
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			_ = c.Close()
		}
	}()
	w.folders = storage.New(w.dir)
	w.platform = fakeplatform.NewWorld(fakeplatform.Options{Grain: grain, Address: w.at, Behave: w.behave})
	up := func(c datastore.Clone) bool {
		rest := c.Name[strings.LastIndexByte(c.Name, '/')+1:]
		return slices.ContainsFunc(w.platform.Inventory(), func(n string) bool {
			return strings.HasPrefix(n, c.Owner+"/workload/data."+rest+".") && w.platform.Running(n)
		})
	}
	w.data = map[string]*fakedata.Driver{"postgres": fakedata.New("postgres", up), "volume": fakedata.New("volume", nil)}
	w.store = newStore(t, w.dir)
	w.write(func(t *store.Tx) error { return t.PutProject(w.ctx, w.project) })
	w.start(0, false)
	t.Cleanup(func() {
		w.stop()
		w.platform.Close()
		_ = w.store.Close()
		_ = l.Close()
		<-accepted
	})
	return w
}

// stack is what every revision of these tests is made of; its release's command
// names the revision.
func (w *world) stack(sha string) *staging.Stack {
	return &staging.Stack{
		Services: []staging.Service{
			{Name: "web", Replicas: 1, Command: staging.Command{Args: []string{"web", sha}}, Ports: []staging.Port{{Target: 3000}}, DependsOn: []staging.Dependency{{Name: "db"}},
				Health: staging.Health{Timeout: 5 * time.Second}},
		},
		Datastores: []staging.Datastore{{Name: "db", Kind: "postgres", User: "app", Database: "shop", Port: 5432, Args: w.servers[sha]}},
		Volumes:    []staging.Volume{{Name: "uploads", Clone: true}},
		Release:    []staging.Task{{Name: "migrate", Service: "web", Command: staging.Command{Args: []string{"migrate", sha}}}},
		Seed:       &staging.Task{Name: "seed", Service: "web", Command: staging.Command{Args: []string{"seed", sha}}},
		Build:      []staging.BuildStep{{Name: "build", Command: staging.Command{Args: []string{"build", sha}}}},
		Primary:    "web",
	}
}

// behave plays the programs. A migration writes its revision into the data,
// also where it then fails.
func (w *world) behave(s staging.WorkloadSpec) fakeplatform.Behaviour {
	args := append(slices.Clone(s.Command.Args), "", "")
	what, sha := args[0], args[1]
	code := 0
	w.mu.Lock()
	if w.bad[sha] == what {
		code = 1
	}
	if w.onStart != nil && what == "web" {
		w.onStart()
		w.onStart = nil
	}
	w.mu.Unlock()
	switch what {
	case "migrate":
		w.migrated(sha)
		return fakeplatform.Behaviour{Nap: 2 * time.Millisecond, Code: code}
	case "seed", "build":
		return fakeplatform.Behaviour{Nap: time.Millisecond, Code: code}
	}
	return fakeplatform.Behaviour{Stay: code == 0, Code: code}
}

// at is where an endpoint is: where a listener of ours accepts, or nobody, for
// what cannot start.
func (w *world) at(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(name, "/endpoint/data.") {
		return "data.internal:5432" // the fake asks no address, and it is free
	}
	for id, sha := range w.revisions {
		if strings.Contains(name, "/endpoint/web."+id+".") && w.bad[sha] == "web" {
			return "127.0.0.1:1"
		}
	}
	return w.address
}

// spoil lets that program of a revision fail.
func (w *world) spoil(sha, program string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bad[sha] = program
}

// tunes lets a revision's data server be another one than those of others.
func (w *world) tunes(sha string) { w.servers[sha] = []string{"--jit=off"} }

// mend lets every program do well again.
func (w *world) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.bad)
}

// migrated changes the newest data that a server runs on.
func (w *world) migrated(sha string) {
	dirs, _ := filepath.Glob(filepath.Join(w.dir, "env", envID, "clone", "db.*"))
	slices.Sort(dirs)
	if len(dirs) > 0 {
		if err := fakedata.Put(dirs[len(dirs)-1], sha[3:]); err != nil {
			w.Errorf("migrate: %v", err)
		}
	}
}

func (w *world) write(do func(*store.Tx) error) {
	w.Helper()
	if err := w.store.Write(w.ctx, do); err != nil {
		w.Fatal(err)
	}
}

// start is a new server on the world; it dies at its kill-th write.
func (w *world) start(kill int64, after bool) {
	w.Helper()
	l := &life{dead: make(chan struct{}), kill: kill, after: after}
	s := &server{edge: edge.New(edge.Config{Wake: func(string) {}}), life: l}
	s.Engine = reconcile.New(reconcile.Config{
		Store: mortalStore{w.store, l}, Platform: mortalPlatform{w.platform.Open(), w, l}, Folders: mortalFolders{w.folders, l},
		Data:   map[string]datastore.Driver{"postgres": mortalData{w.data["postgres"], l}, "volume": mortalData{w.data["volume"], l}},
		Source: mortalSource{l}, Edge: s.edge, Site: staging.Site{Domain: "localhost", Pattern: "http://{host}:1"},
		Read: func(_ context.Context, _ string, _ staging.Project, _ staging.Environment, sha string) (*staging.Stack, []staging.Note, error) {
			return w.stack(sha), nil, l.check()
		},
		Variables: func(context.Context, staging.Project, staging.Environment) ([]staging.Variable, error) {
			return nil, nil
		},
		Ahead:    func(context.Context, string, string, string, []string) *staging.Ahead { return nil },
		Password: func(owner, name string) string { return owner + name },
		Log:      slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().UTC().Add(time.Duration(w.later.Load())) },
	})
	w.server.Store(s)
	if os.Getenv("RECONCILE_TEST_LOG") != "" {
		s.Engine.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	e, err := w.store.Environment(w.ctx, envID)
	if err != nil {
		return // the first server
	}
	if e.DeleteRequestedAt.IsZero() { // what was not looked at yet holds, or says its phase
		s.edge.Load([]edge.Route{{Environment: e.ID, Phase: e.Phase, Holding: e.Deployed.Deployment != "", Hosts: map[string]edge.Target{"new.shop.localhost": {Service: "web"}}}})
	}
	if err := s.Thaw(w.ctx, envID); err != nil && l.check() == nil {
		w.Error(err)
	}
	s.Kick(envID)
}

// stop ends the server at once, as kill -9 does.
func (w *world) stop() {
	select {
	case <-w.server.Load().life.dead:
	default:
		w.server.Load().life.end()
	}
	w.server.Load().Stop()
	w.server.Load().edge.Stop()
}

func (w *world) env() staging.Environment {
	w.Helper()
	e, err := w.store.Environment(w.ctx, envID)
	if err != nil {
		w.Fatal(err)
	}
	return e
}

func (w *world) deployment(id string) staging.Deployment {
	w.Helper()
	d, err := w.store.Deployment(w.ctx, id)
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// deploy asks for a revision, as control does.
func (w *world) deploy(sha string) {
	w.Helper()
	w.change(func(e *staging.Environment) { e.Desired.Revision = sha }, sha)
}

// change changes what is wanted and makes a deployment of it.
func (w *world) change(edit func(*staging.Environment), sha string) {
	w.Helper()
	w.lastID++
	id := fmt.Sprintf("dep_%02d", w.lastID)
	w.mu.Lock()
	w.revisions[id] = sha
	w.mu.Unlock()
	w.write(func(t *store.Tx) error {
		e, err := t.Environment(w.ctx, envID)
		if staging.CodeOf(err) == staging.CodeNotFound {
			e = staging.Environment{ID: envID, Project: w.project.Name, Branch: "feature/new", Ref: "refs/heads/feature/new", Slug: "new", Kind: staging.KindBranch,
				Platform: "fake", Phase: staging.PhaseQueued, Awake: true, CreatedAt: time.Now().UTC()}
			e.Desired.Snapshot = "none"
		} else if err != nil {
			return err
		}
		edit(&e)
		e.Generation++
		e.Current, e.Awake = id, true
		d := staging.Deployment{ID: id, Environment: envID, Generation: e.Generation, Revision: staging.Revision{ID: sha, Tree: sha}, Options: e.Desired,
			Cause: "test", Outcome: staging.OutcomeRunning, StartedAt: time.Now().UTC()}
		return errors.Join(t.PutEnvironment(w.ctx, e), t.PutDeployment(w.ctx, d))
	})
	w.server.Load().Kick(envID)
}

func (w *world) edit(change func(*staging.Environment)) {
	w.Helper()
	w.write(func(t *store.Tx) error {
		e, err := t.Environment(w.ctx, envID)
		if err != nil {
			return err
		}
		change(&e)
		return t.PutEnvironment(w.ctx, e)
	})
	w.server.Load().Kick(envID)
}

func (w *world) destroy() {
	w.Helper()
	w.edit(func(e *staging.Environment) { e.DeleteRequestedAt, e.DeleteCause = time.Now().UTC(), "test" })
}

// until waits for the world to be as wanted. It kicks, so that nothing waits
// for its backoff, and answers false where the server died meanwhile.
func (w *world) until(what string, reached func() bool) bool {
	w.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		if w.server.Load().life.check() != nil {
			return false
		}
		if reached() {
			return true
		}
		if n%20 == 19 {
			w.server.Load().Kick(envID)
		}
		select {
		case <-tick.C:
		case <-w.server.Load().life.dead:
			return false
		case <-deadline:
			e := w.env()
			w.Fatalf("never %s: %+v\ndeployment %+v\nrows %v\nexists %v", what, e, w.deployment(e.Current), w.rows(), w.platform.Inventory())
		}
	}
}

func (w *world) phase(p staging.Phase) bool {
	w.Helper()
	return w.until(string(p), func() bool { return w.env().Phase == p && !w.server.Load().Busy(envID) })
}

// rested is that nothing is left to do, whatever came of it.
func (w *world) rested() bool {
	w.Helper()
	return w.until("at rest", func() bool {
		e := w.env()
		if !e.DeleteRequestedAt.IsZero() {
			return e.Phase == staging.PhaseDestroyed
		}
		done := w.deployment(e.Current).Outcome != staging.OutcomeRunning
		if done {
			w.promised(e)
		}
		return done && !w.server.Load().Busy(envID) && slices.Contains([]staging.Phase{staging.PhaseReady, staging.PhaseDegraded, staging.PhaseFailed, staging.PhaseAsleep}, e.Phase)
	})
}

// promised holds that who is told that an environment is ready finds it so.
func (w *world) promised(e staging.Environment) {
	w.Helper()
	r, ok := w.server.Load().edge.Route(envID)
	leads := ok && (r.Holding || w.server.Load().edge.Holding(envID) || len(r.Hosts["new.shop.localhost"].Upstreams) > 0)
	if e.Phase == staging.PhaseReady && w.server.Load().life.check() == nil && !leads {
		w.Errorf("it is said to be ready, and the edge has %+v", r)
	}
}

func (w *world) rows() []string {
	w.Helper()
	rows, err := w.store.Resources(w.ctx, envID)
	if err != nil {
		w.Fatal(err)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// things are all that really exists of the environment, sorted.
func (w *world) things() []string {
	w.Helper()
	names := w.platform.Inventory()
	if w.server.Load().Platform.Traits().Grain == platform.GrainBundle {
		// What belongs to a bundle is there as that.
		names = slices.DeleteFunc(names, func(n string) bool { return strings.Contains(n, "/workload/") })
	}
	found, err := w.folders.List(w.ctx, envID)
	if err != nil {
		w.Fatal(err)
	}
	for _, o := range found {
		names = append(names, o.Name)
	}
	slices.Sort(names)
	return names
}

// sound holds what must be true whenever nothing is under way.
func (w *world) sound() {
	w.Helper()
	rows := slices.DeleteFunc(w.rows(), func(n string) bool { return strings.Contains(n, "/route/") })
	if things := w.things(); !slices.Equal(things, rows) {
		w.Errorf("what exists is not what the ledger says:\n%v\n%v", things, rows)
	}
	for name, n := range w.platform.Starts() {
		if strings.Contains(name, "/task/") && n > 1 {
			w.Errorf("%s was started %d times", name, n)
		}
	}
	if paused := w.platform.Paused(); len(paused) > 0 {
		w.Errorf("left paused: %v", paused)
	}
	e := w.env()
	if e.Phase == staging.PhaseReady || e.Phase == staging.PhaseDegraded {
		if r, ok := w.server.Load().edge.Route(envID); !ok || r.Holding || w.server.Load().edge.Holding(envID) || len(r.Hosts["new.shop.localhost"].Upstreams) != 1 {
			w.Errorf("%s, and the edge has %+v, %v", e.Phase, r, ok)
		}
		if web := plan.Name(envID, staging.ResourceWorkload, "web."+e.Deployed.Deployment+".0"); !w.platform.Running(web) {
			w.Errorf("%s, and %s does not run: %v", e.Phase, web, w.things())
		}
	}
	if e.Phase == staging.PhaseAsleep && slices.ContainsFunc(w.platform.Inventory(), func(n string) bool { return strings.Contains(n, "/workload/") || strings.Contains(n, "/task/") }) {
		w.Errorf("asleep, and there is %v", w.things())
	}
}

// content is the text of the data that serves.
func (w *world) content() string {
	w.Helper()
	path, err := w.folders.Path(plan.Name(envID, staging.ResourceClone, fmt.Sprintf("db.%d", w.deployment(w.env().Deployed.Deployment).Options.DataResets)))
	if err != nil {
		w.Fatal(err)
	}
	text, err := fakedata.Read(path)
	if err != nil {
		w.Fatal(err)
	}
	return text
}

// gone destroys what is left and holds that nothing stays.
func (w *world) gone() {
	w.Helper()
	w.destroy()
	w.phase(staging.PhaseDestroyed)
	if things, rows := w.things(), w.rows(); len(things) > 0 || len(rows) > 0 {
		w.Errorf("destroyed, and there is %v, rows %v", things, rows)
	}
	if _, ok := w.server.Load().edge.Route(envID); ok {
		w.Error("destroyed, and still routed")
	}
	if n := w.server.Load().Remembered(); n != 0 {
		w.Errorf("destroyed, and %d are remembered", n)
	}
}

// faults are where calls of the world's fakes can be made to go wrong.
func (w *world) faults() map[string]*fault.Points {
	return map[string]*fault.Points{"platform": &w.platform.Points, "postgres": &w.data["postgres"].Points, "volume": &w.data["volume"].Points}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
