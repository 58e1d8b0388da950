// Package wiring builds the program: it is the only package that knows every
// driver.
package wiring

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"offshoot/internal/api"
	"offshoot/internal/auth"
	"offshoot/internal/control"
	"offshoot/internal/datastore"
	"offshoot/internal/datastore/postgres"
	"offshoot/internal/datastore/redis"
	"offshoot/internal/datastore/volume"
	"offshoot/internal/edge"
	"offshoot/internal/engine"
	"offshoot/internal/filewatch"
	"offshoot/internal/manifest"
	"offshoot/internal/platform/process"
	"offshoot/internal/reconcile"
	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/storage"
	"offshoot/internal/store"
	"offshoot/internal/telemetry"
	"offshoot/internal/upkeep"
	"offshoot/internal/variable"
	"offshoot/internal/web"
)

// ServerConfig is what a person says of a server.
type ServerConfig struct {
	Dir        string
	Listen     string
	EdgeListen string
	Domain     string
	// PublicURL is the pattern of environments' URLs, "" for the edge's own.
	PublicURL string
	Version   string
	Log       *slog.Logger
	Stdout    io.Writer
	// Ready is called with the addresses and the administrator's token.
	Ready  func(api, edge, token string)
	Upkeep Upkeep
	// Slots is how many environments are deployed at a time, 0 for what suits
	// the machine.
	Slots int
}

// stopLimit is how long a stopping server finishes what is under way.
const stopLimit = 30 * time.Second

// Serve runs a server until ctx ends, then leaves what runs running.
func Serve(ctx context.Context, c ServerConfig) (err error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	c.Dir = dir
	if err := os.MkdirAll(c.Dir, 0o711); err != nil {
		return staging.Errorf(staging.CodeRefused, "choose another --data-dir", "data folder: %w", err)
	}
	if err := storage.Own(c.Dir); err != nil {
		return err
	}
	unlock, err := lock(c.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := storage.Open(ctx, c.Dir); err != nil {
		return err
	}
	apiListener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return staging.Errorf(staging.CodeRefused, "choose another --listen", "listen: %w", err)
	}
	defer func() { _ = apiListener.Close() }()
	edgeListener, err := net.Listen("tcp", c.EdgeListen)
	if err != nil {
		return staging.Errorf(staging.CodeRefused, "choose another --edge-listen", "listen: %w", err)
	}
	defer func() { _ = edgeListener.Close() }()
	s, err := build(ctx, c, edgeListener.Addr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	defer s.runtime.Close()
	return s.run(ctx, c, apiListener, edgeListener)
}

type server struct {
	store   *store.Store
	engine  *reconcile.Engine
	edge    *edge.Edge
	links   *edge.Links
	runtime *engine.Runtime
	control *control.Service
	upkeep  *upkeep.Service
	api     http.Handler
	// processes is the platform.
	processes *process.Driver
	// files is for all repositories that are watched.
	files filewatch.Watcher
	// clusters makes ahead what no environment shall wait for.
	clusters *postgres.Driver
	site     staging.Site
	log      *slog.Logger
	loaded   atomic.Bool
	metrics  *telemetry.Metrics
	// closing ends the API's streams.
	closing context.CancelFunc
	token   string
}

func build(ctx context.Context, c ServerConfig, edgeAddress net.Addr) (*server, error) {
	key, err := masterKey(c.Dir)
	if err != nil {
		return nil, err
	}
	token, err := adminToken(filepath.Join(c.Dir, "admin-token"))
	if err != nil {
		return nil, err
	}
	mirrors, err := source.New(filepath.Join(c.Dir, "mirrors"), c.Log)
	if err != nil {
		return nil, err
	}
	platform, err := process.New(process.Config{Dir: c.Dir, Log: c.Log, Shape: process.Shape(os.Getenv("OFFSHOOT_PROCESS_SHAPE"))})
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, filepath.Join(c.Dir, database), c.Log)
	if err != nil {
		return nil, err
	}
	s := &server{store: db, processes: platform, log: c.Log, site: site(c, edgeAddress), token: token}
	s.edge = edge.New(edge.Config{Wake: s.wake, Scheme: publicScheme(c.PublicURL), Own: own(platform)})
	s.runtime = engine.NewRuntime(filepath.Join(c.Dir, "runtime"))
	if err := s.runtime.Recover(); err != nil {
		return nil, fmt.Errorf("what was half fetched: %w", err)
	}
	s.links = edge.NewLinks(s.edge, s.linkTarget, c.Log)
	folders := storage.New(c.Dir)
	clusters := postgres.New(postgres.Config{Golden: filepath.Join(c.Dir, "golden"), Empty: filepath.Join(c.Dir, "golden", "empty"), Engines: s.runtime,
		Key: key.Derive("postgres"), Room: func() bool { return disk(c.Dir).Scarce() == "" }})
	s.clusters = clusters
	s.engine = reconcile.New(reconcile.Config{Store: memory{db}, Platform: platform, Source: mirrors, Folders: folders, Edge: s.edge, Links: s.links, Site: s.site,
		LinkURL: func(ctx context.Context, e staging.Environment, l staging.Link) string {
			return s.control.LinkURL(ctx, e, l)
		},
		Data: map[string]datastore.Driver{"volume": volume.New(), "redis": redis.New(s.runtime), "postgres": clusters},
		Read: s.read(mirrors), Log: c.Log, Now: now, Slots: c.Slots, Scarce: disk(c.Dir).Scarce,
		Variables: func(ctx context.Context, p staging.Project, e staging.Environment) ([]staging.Variable, error) {
			return s.control.Variables(ctx, p, e)
		},
		Ahead: func(ctx context.Context, project, data, revision string, migrations []string) *staging.Ahead {
			return s.control.Ahead(ctx, project, data, revision, migrations)
		},
		Password: func(owner, datastore string) string {
			return hex.EncodeToString(key.Derive("data " + owner + "/" + datastore)[:16])
		}})
	s.upkeep = s.newUpkeep(c)
	s.control = control.New(control.Config{Upkeep: s.upkeep, Breaker: upkeep.Breaker{Now: now}, Disk: disk(c.Dir), Store: db, Source: mirrors, Work: s.engine, Links: s.links, Platform: platform, Space: folders, Key: key, Site: s.site,
		Version: c.Version, Log: c.Log, Now: now})
	mirrors.Describe = s.control.Repository
	keeper := auth.NewKeeper(token, db, key.Derive("session"), now)
	closing, cancel := context.WithCancel(context.Background())
	s.closing = cancel
	s.metrics = telemetry.New(telemetry.Config{Status: s.control.Status, Deployments: s.control.Deployments, LastEvent: db.LastEvent, Log: c.Log, Now: now,
		Edge: func() telemetry.Edge { return telemetry.Edge(s.edge.Stats()) },
		Events: func(ctx context.Context, after int64, patience time.Duration) ([]staging.Event, error) {
			return s.control.Events(ctx, store.EventFilter{After: after}, patience)
		}})
	s.api = api.New(api.Config{Projects: s.control, Variables: s.control, Environments: s.control, Views: s.control, Feed: feed{s.control}, Sweeper: s.control, Data: s.control, Sessions: sessions{s.control}, Upkeep: s.control, Runtime: servers{s.runtime},
		Metrics: s.metrics, Credentials: s.control, Tokens: s.control, Version: c.Version, Ready: s.ready, Closing: closing,
		Keeper: keeper, Page: web.New(web.Config{Views: s.control, Keeper: keeper, Subscribe: db.Subscribe, Closing: closing, Version: c.Version, Now: now})})
	return s, nil
}

func now() time.Time { return time.Now().UTC() }

func site(c ServerConfig, edgeAddress net.Addr) staging.Site {
	pattern := c.PublicURL
	if pattern == "" {
		_, port, _ := net.SplitHostPort(edgeAddress.String())
		pattern = "http://{host}:" + port
	}
	return staging.Site{Domain: c.Domain, Pattern: pattern}
}

// own is whether a connection comes from an environment's own services: they
// run as users of their own, where the host has such.
func own(users reconcile.Users) func(environment, remote string) bool {
	return func(environment, remote string) bool {
		uid, ok := userBehind(remote)
		if !ok || uid == os.Getuid() {
			return false
		}
		service, data, err := users.Users(context.Background(), environment)
		return err == nil && (uid == service || uid == data)
	}
}

// publicScheme is what a pattern of URLs says that people reach the edge by.
func publicScheme(pattern string) string {
	scheme, _, _ := strings.Cut(pattern, "://")
	return scheme
}

func (s *server) ready() error {
	if !s.loaded.Load() {
		return errors.New("the table of hosts is not loaded yet")
	}
	return nil
}

// wake is called for each request that waits; one wake at a time an
// environment is enough.
func (s *server) wake(environment string) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.control.Wake(ctx, environment); err != nil {
			s.log.Warn("wake", "environment", environment, "error", err)
		}
	}()
}

// read reads the stack of a checkout with what the project says.
func (s *server) read(mirrors *source.Mirrors) func(context.Context, string, staging.Project, staging.Environment, string) (*staging.Stack, []staging.Note, error) {
	return func(ctx context.Context, dir string, p staging.Project, e staging.Environment, sha string) (*staging.Stack, []staging.Note, error) {
		vars, err := s.control.Variables(ctx, p, e)
		if err != nil {
			return nil, nil, err
		}
		values, secrets := map[string]string{}, []string{}
		for _, v := range vars {
			switch {
			case v.File != "":
			case v.Secret:
				secrets = append(secrets, v.Key)
			default:
				values[v.Key] = v.Value
			}
		}
		paths, err := mirrors.Tracked(ctx, p.Name, sha)
		if err != nil {
			return nil, nil, err
		}
		tracked := map[string]bool{}
		for _, t := range paths {
			for ; t != "." && !tracked[t]; t = filepath.Dir(t) {
				tracked[t] = true
			}
		}
		r, err := manifest.Load(ctx, dir, manifest.Options{ComposeFile: p.ComposeFile, Variables: values, Secrets: secrets,
			Judge: func(key, value string, names []string) error {
				if _, overridden := e.Desired.Env[key]; overridden {
					return nil // judged when it was asked for
				}
				return variable.Judge(key, value, names, p.Policy.AllowHosts)
			},
			Tracked: func(path string) bool { return tracked[path] }})
		if r == nil {
			return nil, nil, err
		}
		return r.Stack, r.Notes, err
	}
}

func (s *server) run(ctx context.Context, c ServerConfig, apiListener, edgeListener net.Listener) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	servers := []*http.Server{
		{Handler: s.api, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug)},
		{Handler: s.edge, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, Protocols: protocols, ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug)},
	}
	servers[1].RegisterOnShutdown(s.edge.Stop)
	failed := make(chan error, len(servers))
	var all sync.WaitGroup
	for i, l := range []net.Listener{apiListener, edgeListener} {
		all.Go(func() {
			if err := servers[i].Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	working, stopWork := context.WithCancel(ctx)
	defer stopWork()
	if err := s.upkeep.Start(ctx); err != nil {
		return err
	}
	all.Go(func() {
		if err := s.clusters.Warm(working); err != nil && working.Err() == nil {
			s.log.Warn("empty clusters", "error", err)
		}
	})
	all.Go(func() { s.clusters.Keep(working) })
	all.Go(func() { s.watchAll(working) })
	all.Go(func() { s.watchWorkloads(working) })
	all.Go(func() { s.metrics.Follow(working) })
	_, err := fmt.Fprintf(c.Stdout, "offshoot ready api=http://%s edge=http://%s\n", apiListener.Addr(), edgeListener.Addr())
	if c.Ready != nil {
		c.Ready("http://"+apiListener.Addr().String(), "http://"+edgeListener.Addr().String(), s.token)
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}
	stopWork()
	s.closing()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(stop) != nil {
			_ = server.Close()
		}
	}
	s.upkeep.Stop()
	s.engine.Stop()
	s.links.Stop()
	all.Wait()
	return err
}
