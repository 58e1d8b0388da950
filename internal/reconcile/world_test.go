package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"offshoot/internal/datastore"
	fakedata "offshoot/internal/datastore/fake"
	"offshoot/internal/platform"
	fakeplatform "offshoot/internal/platform/fake"
	"offshoot/internal/staging"
	"offshoot/internal/storage"
	"offshoot/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	envID = "env_aaaaaaaaaaaaaaaa"
	// looks bounds waiting for what must come about, each 2 ms after the one
	// before: on a host that stands still meanwhile nobody looks either.
	looks = 30_000
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
	// dataAddress is where data servers are: the fake asks no address.
	dataAddress string
	project     staging.Project
	server      atomic.Pointer[server]
	// mu guards what programs look at while they run.
	mu sync.Mutex
	// bad is what of a revision's release, build or start fails.
	bad map[string]string
	// endless is what of a revision does not end by itself.
	endless map[string]string
	// untold is whether until only waits.
	untold bool
	// steps are what deployments keep account of.
	steps []staging.StepName
	// more are other services of the stack than web.
	more []staging.Service
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

func newWorld(t *testing.T) *world { return newWorldOf(t, platform.GrainWorkload) }

func newWorldOf(t *testing.T, grain platform.Grain) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, ctx: context.Background(), dir: memoryDir(t), address: l.Addr().String(), dataAddress: "data.internal:5432", bad: map[string]string{}, endless: map[string]string{}, servers: map[string][]string{}, revisions: map[string]string{},
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

func (w *world) write(do func(*store.Tx) error) {
	w.Helper()
	if err := w.store.Write(w.ctx, do); err != nil {
		w.Fatal(err)
	}
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
		for _, name := range w.steps {
			d.Steps = append(d.Steps, staging.Step{Name: name, State: staging.StepPending})
		}
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
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		if w.server.Load().life.check() != nil {
			return false
		}
		if reached() {
			return true
		}
		if n%20 == 19 && !w.untold {
			w.server.Load().Kick(envID)
		}
		if n == looks {
			e := w.env()
			w.Fatalf("never %s: %+v\ndeployment %+v\nrows %v\nexists %v", what, e, w.deployment(e.Current), w.rows(), w.platform.Inventory())
		}
		select {
		case <-tick.C:
		case <-w.server.Load().life.dead:
			return false
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
