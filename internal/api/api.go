// Package api is the server's HTTP interface: OpenAPI 3.1, one token, problem
// details for errors. It decides nothing; it calls the service it is given.
package api

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Projects is what is asked about projects.
type Projects interface {
	Projects(ctx context.Context) ([]wire.Project, error)
	Project(ctx context.Context, name string) (wire.Project, error)
	AddProject(ctx context.Context, r wire.AddProject) (wire.Project, error)
	AllowHosts(ctx context.Context, name string, hosts []string) (wire.Project, error)
	RemoveProject(ctx context.Context, name string) error
}

// Variables is what is asked about variables.
type Variables interface {
	ProjectVariables(ctx context.Context, project string) ([]wire.Variable, error)
	SetProjectVariables(ctx context.Context, project string, r wire.Variables) error
	SetVariables(ctx context.Context, actor, environment string, r wire.Variables) (wire.Environment, error)
}

// Environments is what is asked of environments.
type Environments interface {
	Create(ctx context.Context, actor, project string, r wire.CreateEnvironment) (wire.Environment, error)
	Deploy(ctx context.Context, actor, id string, r wire.Deploy) (wire.Environment, error)
	Destroy(ctx context.Context, actor, id, confirm string) (wire.Environment, error)
	Act(ctx context.Context, actor, id, action string, seconds int64) (wire.Environment, error)
}

// Views is what is looked at.
type Views interface {
	Environment(ctx context.Context, id string) (wire.Environment, error)
	Environments(ctx context.Context, project string, all bool, after string, limit int) ([]wire.Environment, error)
	Resolve(ctx context.Context, project, name string) (wire.Environment, error)
	Resources(ctx context.Context, id string) ([]wire.Resource, error)
	Deployments(ctx context.Context, id string) ([]wire.Deployment, error)
}

// Data is what is asked about data.
type Data interface {
	Snapshots(ctx context.Context, project string) ([]wire.Snapshot, error)
	Snapshot(ctx context.Context, id string) (wire.Snapshot, error)
	TakeSnapshot(ctx context.Context, actor, project, from string) (wire.Snapshot, error)
	RemoveSnapshot(ctx context.Context, id string) error
	EnvironmentData(ctx context.Context, id string) (wire.EnvironmentData, error)
	Undo(ctx context.Context, actor, id string) (wire.Environment, error)
	Reset(ctx context.Context, actor, id string, r wire.Reset) (wire.Environment, error)
}

// Feed is what goes on.
type Feed interface {
	Events(ctx context.Context, q EventQuery) ([]staging.Event, error)
	Status(ctx context.Context) (wire.Status, error)
	Logs(ctx context.Context, id string, q LogQuery, line func(wire.LogLine) error) error
}

// Sessions runs commands for people.
type Sessions interface {
	Attach(ctx context.Context, id string, r wire.Session, io Attached) (int, error)
	Address(ctx context.Context, id, datastore string) (string, error)
}

// Attached is a person's end of a session.
type Attached struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Resize         <-chan wire.TerminalSize
}

// EventQuery selects events; Patience is how long to wait for the first.
type EventQuery struct {
	After       int64
	Environment string
	Project     string
	Limit       int
	Patience    time.Duration
}

// LogQuery selects lines of output.
type LogQuery struct {
	Service, Step string
	Follow        bool
	Tail          int
	Since         time.Time
}

// Config is what the API calls.
type Config struct {
	Projects     Projects
	Variables    Variables
	Environments Environments
	Views        Views
	Data         Data
	Feed         Feed
	Sessions     Sessions
	// Ready says why the server is not ready, nil when it is.
	Ready func() error
	// Token is the one that may do everything.
	Token   string
	Version string
	Log     *slog.Logger
}

// maxBody bounds what a request may carry, in bytes.
const maxBody = 1 << 20

// New is the handler of everything that is not an environment's host.
func New(c Config) http.Handler {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Offshoot", c.Version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/openapi", "", ""
	config.CreateHooks = nil
	config.Components = &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}, Schemas: config.Components.Schemas}
	config.Security = []map[string][]string{{"token": {}}}
	api := humago.New(mux, config)
	projects(api, c)
	environments(api, c)
	actions(api, c)
	looks(api, c)
	data(api, c)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := c.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	mux.HandleFunc("GET /api/v1/environments/{id}/logs", func(w http.ResponseWriter, r *http.Request) { logs(c, w, r) })
	mux.HandleFunc("GET /api/v1/environments/{id}/exec", func(w http.ResponseWriter, r *http.Request) { attach(c, w, r) })
	mux.HandleFunc("GET /api/v1/environments/{id}/tunnel", func(w http.ResponseWriter, r *http.Request) { tunnel(c, w, r) })
	return guard(c.Token, mux)
}

// open are the paths that need no token.
func open(path string) bool { return path == "/healthz" || path == "/readyz" }

func guard(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !open(r.URL.Path) && subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			writeProblem(w, problemOf(staging.Errorf(staging.CodeUnauthenticated, "offshoot login URL, or set OFFSHOOT_TOKEN", "a valid token is needed")))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// problem is an error as huma sends it.
type problem struct{ wire.Problem }

func (p *problem) Error() string               { return p.Detail }
func (p *problem) GetStatus() int              { return p.Status }
func (p *problem) ContentType(_ string) string { return "application/problem+json" }

// statuses map codes; a failure's class is a request that cannot be done.
var statuses = map[staging.Code]int{
	staging.CodeUsage: http.StatusBadRequest, staging.CodeNotFound: http.StatusNotFound, staging.CodeRefused: http.StatusUnprocessableEntity,
	staging.CodeConflict: http.StatusConflict, staging.CodeLimit: http.StatusTooManyRequests, staging.CodeSuperseded: http.StatusConflict,
	staging.CodeCancelled: http.StatusConflict, staging.CodeUnauthenticated: http.StatusUnauthorized, staging.CodeForbidden: http.StatusForbidden,
	staging.CodeTimeout: http.StatusGatewayTimeout, staging.CodeInternal: http.StatusInternalServerError,
}

func problemOf(err error) *problem {
	p := &problem{wire.Problem{Type: "about:blank", Status: http.StatusInternalServerError, Code: string(staging.CodeInternal),
		Detail: err.Error(), Hint: "look at the server's log"}}
	var e *staging.Error
	if errors.As(err, &e) {
		p.Code, p.Detail, p.Hint, p.Failure = string(e.Code), e.Message, e.Hint, e.Failure
		p.Status = http.StatusUnprocessableEntity
		if s, ok := statuses[e.Code]; ok {
			p.Status = s
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p.Status, p.Code, p.Hint = http.StatusGatewayTimeout, string(staging.CodeTimeout), "try again"
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// reply turns a service's answer into huma's.
func reply[T any](v T, err error) (*struct{ Body T }, error) {
	if err != nil {
		return nil, problemOf(err)
	}
	return &struct{ Body T }{v}, nil
}

func list[T any](items []T, err error) (*struct{ Body wire.List[T] }, error) {
	if items == nil {
		items = []T{}
	}
	return reply(wire.List[T]{Items: items}, err)
}
