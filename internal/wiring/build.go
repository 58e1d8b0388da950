package wiring

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"offshoot/internal/api"
	"offshoot/internal/auth"
	"offshoot/internal/control"
	"offshoot/internal/datastore/postgres"
	"offshoot/internal/edge"
	"offshoot/internal/engine"
	"offshoot/internal/filewatch"
	"offshoot/internal/mailbox"
	"offshoot/internal/plan"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/process"
	"offshoot/internal/reconcile"
	"offshoot/internal/seal"
	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/storage"
	"offshoot/internal/store"
	"offshoot/internal/telemetry"
	"offshoot/internal/upkeep"
	"offshoot/internal/web"
)

// server is every part of a running server.
type server struct {
	store  *store.Store
	engine *reconcile.Engine
	edge   *edge.Edge
	links  *edge.Links
	// mail is what environments send, catcher where it is caught.
	mail    *mailbox.Boxes
	catcher *mailbox.Catcher
	// crowd is who comes to the edge and its links.
	crowd   *edge.Crowd
	runtime *engine.Runtime
	control *control.Service
	upkeep  *upkeep.Service
	api     http.Handler
	// processes and docker are the platforms.
	processes *process.Driver
	docker    *docker.Driver
	images    images
	// files is for all repositories that are watched.
	files filewatch.Watcher
	// clusters make ahead what no environment shall wait for: those of this host,
	// and those in images.
	clusters []*postgres.Driver
	site     staging.Site
	log      *slog.Logger
	loaded   atomic.Bool
	metrics  *telemetry.Metrics
	// closing ends the API's streams.
	closing context.CancelFunc
	token   string
}

// build makes every part and lets it know the others that it needs. Nothing
// runs yet.
func build(ctx context.Context, c ServerConfig, edgeAddress net.Addr) (*server, error) {
	key, err := masterKey(c.Dir)
	if err != nil {
		return nil, err
	}
	token, err := adminToken(filepath.Join(c.Dir, "admin-token"))
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(filepath.Join(c.Dir, looks)); err != nil {
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
	golden := filepath.Join(c.Dir, "golden")
	if err := platform.Seclude(golden); err != nil {
		return nil, fmt.Errorf("folder of snapshots: %w", err)
	}
	db, err := store.Open(ctx, filepath.Join(c.Dir, database), c.Log)
	if err != nil {
		return nil, err
	}
	s := &server{store: db, processes: platform, log: c.Log, site: site(c, edgeAddress), token: token}
	s.edge = edge.New(edge.Config{Wake: s.wake, Scheme: publicScheme(c.PublicURL), Own: own(platform)})
	s.crowd = edge.NewCrowd(0)
	s.links = edge.NewLinks(s.edge, s.crowd, s.linkTarget, c.Log)
	s.runtime = engine.NewRuntime(filepath.Join(c.Dir, "runtime"))
	if err := s.runtime.Recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("what was half fetched: %w", err), db.Close())
	}
	folders := storage.New(c.Dir)
	s.mail = mailbox.New(func(environment string) (string, error) { return folders.Path(plan.Mail(environment)) }, mailbox.Usual(), now)
	s.catcher = mailbox.NewCatcher(s.mail, mailbox.CatcherConfig{Scarce: disk(c.Dir).Scarce, Caught: s.mailCaught, Every: db.Nudge, Log: c.Log, Now: now})
	grounds, err := s.grounds(c, key)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.engine = s.newEngine(c, key, mirrors, folders, grounds)
	s.upkeep = s.newUpkeep(c)
	s.control = control.New(control.Config{Store: db, Source: mirrors, Work: s.engine, Links: s.links, Mail: s.mail, Platforms: platforms(grounds), Platform: c.Platform, Suits: s.suits(c.Dir, mirrors), Stack: s.stack(c.Dir, mirrors), SignIn: s.images.SignIn, Space: folders,
		Upkeep: s.upkeep, Breaker: upkeep.Breaker{Now: now}, Active: s.edge.Active, Disk: disk(c.Dir), Key: key, Site: s.site, Version: c.Version, Log: c.Log, Now: now})
	mirrors.Describe = s.control.Repository
	s.metrics = s.newMetrics(c)
	var closing context.Context
	closing, s.closing = context.WithCancel(context.Background())
	s.api = s.newAPI(closing, c, auth.NewKeeper(token, db, key.Derive("session"), now))
	return s, nil
}

// newEngine makes what brings environments to what is wanted of them. Control,
// which it asks in turn, is made after it.
func (s *server) newEngine(c ServerConfig, key *seal.Key, mirrors *source.Mirrors, folders *storage.Folders, grounds map[string]reconcile.Ground) *reconcile.Engine {
	return reconcile.New(reconcile.Config{Store: ledger{s.store}, Source: mirrors, Folders: folders, Edge: s.edge, Links: s.links, Mail: s.catcher, Site: s.site,
		Grounds: grounds,
		Read:    s.read(mirrors), Slots: c.Slots, Scarce: disk(c.Dir).Scarce, Log: c.Log, Now: now,
		LinkURL: func(ctx context.Context, e staging.Environment, l staging.Link) string {
			return s.control.LinkURL(ctx, e, l)
		},
		Variables: func(ctx context.Context, p staging.Project, e staging.Environment) ([]staging.Variable, error) {
			return s.control.Variables(ctx, p, e)
		},
		Ahead: func(ctx context.Context, project, data, revision string, migrations []string) *staging.Ahead {
			return s.control.Ahead(ctx, project, data, revision, migrations)
		},
		Password: func(owner, datastore string) string {
			return hex.EncodeToString(key.Derive("data " + owner + "/" + datastore)[:16])
		}})
}

func (s *server) newMetrics(c ServerConfig) *telemetry.Metrics {
	return telemetry.New(telemetry.Config{Status: s.control.Status, Deployments: s.control.Deployments, LastEvent: s.store.LastEvent, Log: c.Log, Now: now,
		Edge: func() telemetry.Edge { return telemetry.Edge(s.edge.Stats()) },
		Events: func(ctx context.Context, after int64, patience time.Duration) ([]staging.Event, error) {
			return s.control.Events(ctx, store.EventFilter{After: after}, patience)
		}})
}

// newAPI makes the API with the page; their streams end with closing.
func (s *server) newAPI(closing context.Context, c ServerConfig, keeper *auth.Keeper) http.Handler {
	page := web.New(web.Config{Views: s.control, Mail: s.control, Keeper: keeper, Subscribe: s.store.Subscribe, Closing: closing, Version: c.Version, Now: now})
	return api.New(api.Config{Projects: s.control, Variables: s.control, Environments: s.control, Views: s.control, Feed: feed{s.control},
		Sweeper: s.control, Data: s.control, Sessions: sessions{s.control}, Upkeep: s.control, Runtime: servers{s.runtime}, Mail: s.control,
		Credentials: s.control, Tokens: s.control, Metrics: s.metrics, Keeper: keeper, Page: page,
		Ready: s.ready, Closing: closing, Version: c.Version})
}

func site(c ServerConfig, edgeAddress net.Addr) staging.Site {
	pattern := c.PublicURL
	if pattern == "" {
		_, port, _ := net.SplitHostPort(edgeAddress.String())
		pattern = "http://{host}:" + port
	}
	return staging.Site{Domain: c.Domain, Pattern: pattern}
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
