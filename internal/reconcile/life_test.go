package reconcile_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/edge"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
)

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
	// untold is the write that is done and not told so, 0 for none.
	untold atomic.Int64
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

// start is a new server on the world; it dies at its kill-th write.
func (w *world) start(kill int64, after bool) {
	w.Helper()
	l := &life{dead: make(chan struct{}), kill: kill, after: after}
	s := &server{edge: edge.New(edge.Config{Wake: func(string) {}}), life: l}
	s.Engine = reconcile.New(reconcile.Config{
		Store: mortalStore{w.store, l}, Folders: mortalFolders{w.folders, l},
		Grounds: map[string]reconcile.Ground{"fake": {Platform: mortalPlatform{w.platform.Open(), w, l},
			Data: map[string]datastore.Driver{"postgres": mortalData{w.data["postgres"], l}, "volume": mortalData{w.data["volume"], l}}}},
		Source: mortalSource{l}, Edge: s.edge, Mail: &mortalMail{life: l, open: map[string]string{}}, Site: staging.Site{Domain: "localhost", Pattern: "http://{host}:1"},
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
