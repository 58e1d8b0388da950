// Package api is the server's HTTP interface: OpenAPI 3.1, tokens, problem
// details for errors. It decides who may ask (access.go); all else it calls
// the service for.
package api

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"offshoot/internal/auth"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Projects is what is asked about projects.
type Projects interface {
	Projects(ctx context.Context) ([]wire.Project, error)
	Project(ctx context.Context, name string) (wire.Project, error)
	AddProject(ctx context.Context, actor string, r wire.AddProject) (wire.Project, error)
	SetProject(ctx context.Context, actor, name string, r wire.SetProject) (wire.Project, error)
	RemoveProject(ctx context.Context, actor, name string) error
}

// Variables is what is asked about variables.
type Variables interface {
	ProjectVariables(ctx context.Context, project string) ([]wire.Variable, error)
	SetProjectVariables(ctx context.Context, actor, project string, r wire.Variables) error
	EnvironmentVariables(ctx context.Context, environment string) ([]wire.Variable, error)
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
	Resolve(ctx context.Context, project, checkout, name string) (wire.Environment, error)
	Resources(ctx context.Context, id string) ([]wire.Resource, error)
	// Deployments are the newest ones, all where limit is negative.
	Deployments(ctx context.Context, id string, limit int) ([]wire.Deployment, error)
}

// Data is what is asked about data.
type Data interface {
	Snapshots
	EnvironmentData(ctx context.Context, id string) (wire.EnvironmentData, error)
	Undo(ctx context.Context, actor, id string) (wire.Environment, error)
	Reset(ctx context.Context, actor, id string, r wire.Reset) (wire.Environment, error)
}

// Snapshots are golden copies.
type Snapshots interface {
	Snapshots(ctx context.Context, project string) ([]wire.Snapshot, error)
	Snapshot(ctx context.Context, id string) (wire.Snapshot, error)
	TakeSnapshot(ctx context.Context, actor, project string, r wire.TakeSnapshot) (wire.Snapshot, error)
	RemoveSnapshot(ctx context.Context, id string) error
}

// Credentials is what is asked about keys to the world outside.
type Credentials interface {
	Credentials(ctx context.Context, project string) ([]wire.Credential, error)
	SetCredential(ctx context.Context, actor, project string, r wire.SetCredential) error
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
	// Tunnel is where a datastore listens; leave says that nobody uses it any more.
	Tunnel(ctx context.Context, id, datastore string) (address string, leave func(), err error)
}

// Tokens is what is asked about tokens.
type Tokens interface {
	CreateToken(ctx context.Context, actor string, r wire.CreateToken) (wire.NewToken, error)
	Tokens(ctx context.Context) ([]wire.Token, error)
	RevokeToken(ctx context.Context, actor, name string) error
}

// Site is what browsers see.
type Site interface {
	// Routes are its handlers by pattern; each has its rule in access.go.
	Routes() map[string]http.HandlerFunc
	// Session is the value of the request's cookie, "" for none.
	Session(r *http.Request) string
	// SignIn answers a browser that is not signed in.
	SignIn(w http.ResponseWriter, r *http.Request)
	// Problem shows an error to a browser.
	Problem(w http.ResponseWriter, r *http.Request, p wire.Problem)
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
	Service, Step    string
	Follow, Previous bool
	// Tail is the number of last lines, negative for all.
	Tail  int
	Since time.Time
	// After are NAME@POSITION of the last lines that were read.
	After []string
}

// Config is what the API calls.
type Config struct {
	Projects     Projects
	Variables    Variables
	Environments Environments
	Views        Views
	Data         Data
	Feed         Feed
	Sweeper      Sweeper
	Sessions     Sessions
	Upkeep       Upkeep
	Runtime      Runtime
	Mail         Mail
	// Ready says why the server is not ready, nil when it is.
	Ready       func() error
	Credentials Credentials
	Tokens      Tokens
	// Metrics answers Prometheus, nil for none.
	Metrics http.Handler
	// Keeper knows who asks.
	Keeper *auth.Keeper
	// Page is what browsers see, nil for none.
	Page Site
	// Closing ends when the server stops: streams end with it.
	Closing context.Context
	Version string
}

// New is the handler of everything that is not an environment's host.
func New(c Config) http.Handler {
	g := &gate{mux: http.NewServeMux(), rules: access(), c: c}
	api := humago.New(g, configuration(c.Version))
	api.OpenAPI().Components.Schemas.Schema(typeOf[wire.Problem](), true, problemSchema)
	health(api, g, c)
	projects(api, c)
	environments(api, c)
	actions(api, c)
	upkeep(api, c)
	looks(api, c)
	mails(api, c)
	sweep(api, c)
	events(api, c)
	data(api, c)
	tokens(api, c)
	sessions(api, g, c)
	runtime(api, c)
	notBuilt(api)
	mayBeNull(api.OpenAPI().Components.Schemas)
	if c.Page != nil {
		for pattern, handle := range c.Page.Routes() {
			g.HandleFunc(pattern, handle)
		}
	}
	return g
}

func configuration(version string) huma.Config {
	config := huma.DefaultConfig("Offshoot", version)
	config.Info.Description = "A staging environment for every branch. Errors are problem details (RFC 9457) with a stable `code` and a `hint`; " +
		"times are RFC 3339 in UTC, durations end in _s or _ms, sizes are bytes."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/openapi", "", ""
	config.CreateHooks = nil
	config.Transformers = []huma.Transformer{ours}
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: position}
	config.Formats = map[string]huma.Format{"application/json": format, "json": format}
	config.Components = &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}},
		Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName)}
	config.Security = []map[string][]string{{"token": {}}}
	return config
}

// reply turns a service's answer into huma's.
func reply[T any](v T, err error) (*struct{ Body T }, error) {
	if err != nil {
		return nil, problemOf(err)
	}
	return &struct{ Body T }{v}, nil
}

// Page is a part of a list.
type Page struct {
	Limit  int    `query:"limit" minimum:"0" maximum:"1000" doc:"how many at most (default 200)"`
	Cursor string `query:"cursor" doc:"next_cursor of the part before"`
}

// defaultPage is how many items a part has where nobody says.
const defaultPage = 200

func (p Page) limit() int {
	if p.Limit == 0 {
		return defaultPage
	}
	return p.Limit
}

// paged is the part of a whole list that p asks for; key tells its items apart.
func paged[T any](items []T, err error, p Page, key func(T) string) (*struct{ Body wire.List[T] }, error) {
	if err != nil {
		return nil, problemOf(err)
	}
	if p.Cursor != "" {
		at := slices.IndexFunc(items, func(v T) bool { return key(v) == p.Cursor })
		if at < 0 {
			return nil, problemOf(staging.Errorf(staging.CodeUsage, "begin again without cursor", "the list has changed, and nothing of it is called %q", p.Cursor))
		}
		items = items[at+1:]
	}
	list := wire.List[T]{Items: items}
	if len(items) > p.limit() {
		list.Items = items[:p.limit()]
		last := key(list.Items[p.limit()-1])
		list.NextCursor = &last
	}
	if list.Items == nil {
		list.Items = []T{}
	}
	return &struct{ Body wire.List[T] }{list}, nil
}

// problemSchema is the schema's name of what every error is.
const problemSchema = "ProblemDetails"

// schemaName tells the problem that an answer is from those that a failure
// lists.
func schemaName(t reflect.Type, hint string) string {
	if t == typeOf[wire.Problem]() {
		return problemSchema
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// given is an optional body; none is the zero one.
func given[T any](body *T) T {
	if body == nil {
		var none T
		return none
	}
	return *body
}
