// Package datastoretest is the conformance suite of datastore drivers: what the
// comments of datastore.Driver promise, asked of a real one with its server
// running on a real platform.
//
// It knows no datastore. What a driver does not support is skipped by name.
package datastoretest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// World is what one test's driver works with.
type World struct {
	Driver datastore.Driver
	// Platform runs what the driver says must run.
	Platform platform.Driver
	// Dir is where clones lie: absolute, and the test's own.
	Dir string
	// Store is what a stack would declare.
	Store staging.Datastore
	// Put keeps a text in a served clone, Get answers it; both go in as a
	// service would, by the URL and its password alone. In a new clone Get
	// answers "".
	Put func(ctx context.Context, c datastore.Clone, s datastore.Serving, text string) error
	Get func(ctx context.Context, c datastore.Clone, s datastore.Serving) (string, error)
	// Migrations change the schema, each in another way; none where there is
	// no schema.
	Migrations []func(ctx context.Context, s datastore.Serving) error
	// Open is whether Get works without the password.
	Open bool
	// Missing is a version that nobody has a server for, "" where there are none.
	Missing string
}

// limit bounds one test.
const limit = 2 * time.Minute

// Run runs the suite; make gives each test a world of its own.
func Run(t *testing.T, make func(t *testing.T) World) {
	for _, c := range []struct {
		name string
		test func(*fixture)
	}{
		{"empty data is made and served", empty},
		{"what is made is kept", kept},
		{"data outlives its server", outlives},
		{"a clone is its own", clone},
		{"a paused server is copied whole", pausedCopy},
		{"a running server is backed up", backup},
		{"an impatient make", impatientMake},
		{"a missing version", missingVersion},
		{"waiting for a server", readyIsPatient},
		{"no secret is an argument", noSecretInArguments},
		{"a copy is verified", verify},
		{"a schema is told apart", fingerprint},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			f := &fixture{T: t, World: make(t), ctx: ctx}
			t.Cleanup(func() { f.clean(); cancel() })
			c.test(f)
		})
	}
}

// fixture is one test with its world.
type fixture struct {
	*testing.T
	World
	ctx    context.Context
	owners []string
}

// served is a clone with the server that runs on it.
type served struct {
	datastore.Clone
	at      datastore.Endpoint
	serving datastore.Serving
	server  platform.Resource
}

func (f *fixture) clean() {
	for _, owner := range f.owners {
		if err := f.Platform.Delete(f.ctx, platform.Ref{Kind: staging.ResourceScope, Name: owner + "/scope/0", Owner: owner}); err != nil {
			f.Errorf("clean up: %v", err)
		}
	}
}

// users is the capability of a platform with users of its own.
type users interface {
	Users(ctx context.Context, owner string) (service, data int, err error)
}

// clone describes data of a new environment, "" for what begins empty.
func (f *fixture) clone(from string) datastore.Clone {
	f.Helper()
	owner := staging.NewID(staging.EnvironmentPrefix)
	f.owners = append(f.owners, owner)
	if _, err := f.Platform.Apply(f.ctx, platform.Resource{Kind: staging.ResourceScope, Name: owner + "/scope/0", Owner: owner, Scope: &platform.Scope{Project: "shop"}}); err != nil {
		f.Fatal(err)
	}
	c := datastore.Clone{Name: owner + "/clone/" + f.Store.Name + ".0", Owner: owner, Dir: filepath.Join(f.Dir, owner, f.Store.Name+".0"), From: from,
		Store: f.Store, Password: "secret-of-" + owner}
	if u, ok := f.Platform.(users); ok {
		service, data, err := u.Users(f.ctx, owner)
		if err != nil {
			f.Fatal(err)
		}
		c.UID, c.GID = data, data
		if f.Driver.Kind() == "volume" {
			c.UID, c.GID = service, service
		}
	}
	return c
}

func (f *fixture) make(c datastore.Clone) datastore.Made {
	f.Helper()
	made, err := f.Driver.Make(f.ctx, c, nil)
	if err != nil {
		f.Fatalf("make: %v", err)
	}
	if made.Observation.Presence != staging.Present || made.Observation.Ref != c.Dir || made.Strategy == "" {
		f.Errorf("make answers %+v", made)
	}
	if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
		f.Errorf("it is not there: %v", err)
	}
	return made
}

// serve starts the server of a clone and waits for it to be fit for use.
func (f *fixture) serve(c datastore.Clone) *served {
	f.Helper()
	s := &served{Clone: c}
	o, err := f.Platform.Apply(f.ctx, platform.Resource{Kind: staging.ResourceEndpoint, Name: c.Owner + "/endpoint/data", Owner: c.Owner,
		Endpoint: &platform.Endpoint{Service: f.Store.Name, Port: f.Store.Port, Instance: "data"}})
	if err != nil {
		f.Fatal(err)
	}
	host, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		f.Fatal(err)
	}
	n, _ := strconv.Atoi(port) // a platform's own
	s.at = datastore.Endpoint{Host: host, Port: n}
	if s.serving, err = f.Driver.Serve(f.ctx, c, s.at); err != nil {
		f.Fatalf("serve: %v", err)
	}
	s.serving.Workload.Instance = "data"
	s.server = platform.Resource{Kind: staging.ResourceWorkload, Name: c.Owner + "/workload/data." + f.Store.Name, Owner: c.Owner, SpecHash: "data",
		Workload: &s.serving.Workload}
	f.start(s)
	return s
}

// start starts a server that was stopped.
func (f *fixture) start(s *served) {
	f.Helper()
	if !s.serving.Workload.Command.Empty() {
		if _, err := f.Platform.Apply(f.ctx, s.server); err != nil {
			f.Fatal(err)
		}
	}
	if err := f.Driver.Ready(f.ctx, s.Clone, s.at); err != nil {
		f.Fatalf("ready: %v", err)
	}
	for range 2 { // preparing what is prepared changes nothing
		if err := f.Driver.Prepare(f.ctx, s.Clone, s.at); err != nil {
			f.Fatalf("prepare: %v", err)
		}
	}
}

func (f *fixture) stop(s *served) {
	f.Helper()
	if err := f.Driver.Quiet(f.ctx, s.Clone, s.at); err != nil {
		f.Errorf("quiet: %v", err)
	}
	if err := f.Platform.Delete(f.ctx, platform.Ref{Kind: s.server.Kind, Name: s.server.Name, Owner: s.Owner}); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) put(s *served, text string) {
	f.Helper()
	if err := f.Put(f.ctx, s.Clone, s.serving, text); err != nil {
		f.Fatalf("put: %v", err)
	}
}

func (f *fixture) holds(s *served, want string) {
	f.Helper()
	if got, err := f.Get(f.ctx, s.Clone, s.serving); err != nil || got != want {
		f.Errorf("it holds %q (%v), want %q", got, err, want)
	}
}

// beside are the names in a clone's parent folder but its own.
func (f *fixture) beside(c datastore.Clone) []string {
	f.Helper()
	entries, err := os.ReadDir(filepath.Dir(c.Dir))
	if err != nil && !os.IsNotExist(err) {
		f.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != filepath.Base(c.Dir) {
			names = append(names, e.Name())
		}
	}
	return names
}

func contains(args []string, secret string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, secret) })
}
