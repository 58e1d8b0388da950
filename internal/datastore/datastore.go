// Package datastore is the contract for data: how a clone comes to be, which
// workload serves it, which variables reach it, and how a copy is finished
// into a golden copy.
//
// A driver owns data, not servers: it starts nothing. What must run it
// describes, and the control plane runs that on whatever platform there is.
package datastore

import (
	"context"
	"path/filepath"
	"strings"

	"offshoot/internal/staging"
)

// Clone is the desired state of one environment's (or snapshot's) data of one
// datastore or volume.
type Clone struct {
	// Name is the ledger's, Owner the id it is tagged with.
	Name  string
	Owner string
	// Dir is where it shall lie on a host with directories, absolute. The
	// last element does not exist before.
	Dir string
	// From is the directory of a golden copy, mark or other clone that is not
	// being written to; "" means empty as the server makes it.
	From string
	// Store is what the stack declares.
	Store staging.Datastore
	// Password is the environment's own, or the declared one where that holds.
	Password string
	// Shared is whether the datastore is a shared environment's, which keeps
	// every acknowledged commit.
	Shared bool
	// UID and GID own the data: the user that the platform's scope allots to
	// its data servers. The files are handed over while they are copied. 0
	// or less keeps the owners of From (or the server's own user for empty data).
	UID int
	GID int
}

// Made says what was made.
type Made struct {
	Observation staging.Observation
	// Strategy is how it was copied: reflink, copy or empty.
	Strategy string
	// Engine is the server build that serves it.
	Engine string
	// Empty is whether it has no content of a snapshot, so that seed must run.
	Empty bool
}

// Serving is what must run for a clone to be usable, and how to reach it.
type Serving struct {
	// Workload lacks only what the platform adds; its Command and mounts name
	// host paths for the process platform. Its Role is data.
	Workload staging.WorkloadSpec
	// Variables are those of the usual names (DATABASE_URL, PGHOST …) without
	// NAME_URL; URL is the address with user and password.
	Variables map[string]string
	URL       string
}

// Endpoint is where a server listens.
type Endpoint struct {
	Host string
	Port int
}

// Driver is the core of the contract.
//
// Methods are safe for concurrent use on different clones; the control plane
// never calls two on one clone at once. Every call ends when ctx does; what it
// had begun lies under a temporary name that the next Make removes.
type Driver interface {
	// Kind is the kind of datastore: postgres, redis, volume.
	Kind() string

	// Make brings the clone's directory into being: copied from c.From, or
	// empty (from the kept empty cluster of that server build). It is made
	// under a temporary name and renamed, so it is whole or absent. Making
	// what exists does nothing. Data of a newer version or another build than
	// any at hand is refused with what to install.
	Make(ctx context.Context, c Clone, progress Progress) (Made, error)

	// Serve describes the workload that serves the clone at that endpoint.
	// It does no I/O on the data and may be called any time after Make.
	Serve(ctx context.Context, c Clone, at Endpoint) (Serving, error)

	// Ready blocks until the server answers a query, polling at 1 to 2 ms and
	// backing off to 50, or ctx ends; then its error says what it last heard.
	Ready(ctx context.Context, c Clone, at Endpoint) error

	// Quiet asks a running server to write out what it can (a checkpoint), so
	// that the pause that follows is short. Failing is no reason not to pause.
	Quiet(ctx context.Context, c Clone, at Endpoint) error

	// Prepare turns a running server on a copied directory into one that may
	// be used: roles and passwords as c says, foreign connections off. It is
	// called after the first Ready of a directory that Make has made, empty or
	// copied: an empty server gets the declared role and database here too.
	// Preparing what is prepared changes nothing.
	Prepare(ctx context.Context, c Clone, at Endpoint) error
}

// Verifier is the capability to prove a golden copy by asking it.
type Verifier interface {
	// Verify makes the copy harmless (no passwords, no connections to outside),
	// then asks the running server what it holds; the report is for people.
	Verify(ctx context.Context, c Clone, at Endpoint) (Report, error)
	// Trim removes from a cleanly stopped golden copy what a clone does not
	// need (recycled WAL, pid files). It never removes data.
	Trim(ctx context.Context, dir string) error
}

// Report is what a verified copy holds.
type Report struct {
	// Summary is one line ("postgres 15.18: 4 tables, 5,000 rows, 38 MB").
	Summary   string
	SizeBytes int64
}

// Checker is the capability to refuse data before a server is started on it.
type Checker interface {
	// Check says whether c's directory can be served: there, of a version that
	// its server reads, of the right user, and in use by no other server.
	Check(ctx context.Context, c Clone) error
}

// Backuper is the capability to copy a clone while its server runs and writes,
// for file systems that cannot copy by reference.
type Backuper interface {
	// Backup copies c's directory to dir, which does not exist before, so that
	// a server started there recovers to one moment of the copying. It blocks
	// as long as the copy takes and writes no more than it reads. After an
	// error there may be something at dir.
	Backup(ctx context.Context, c Clone, at Endpoint, dir string, progress Progress) error
}

// Inspector is the capability to say things about live data.
type Inspector interface {
	// Fingerprint is a hash of the schema, for telling whether a release
	// changed it.
	Fingerprint(ctx context.Context, c Clone, at Endpoint) (string, error)
}

// Client is the capability to run the datastore's own client beside the server.
type Client interface {
	// Console is the command of an interactive client (psql, redis-cli) with
	// args appended, the environment it needs, and the mounts.
	Console(ctx context.Context, c Clone, at Endpoint, args []string) (staging.WorkloadSpec, error)
}

// Progress is told what takes time ("copying", "fetching PostgreSQL 16") and
// how far it is; both in bytes, total 0 if unknown. It may be nil and is called
// at most every 100 ms.
type Progress func(what string, done, total int64)

// Of is the progress of one thing, nil where nobody listens.
func (p Progress) Of(what string) func(done, total int64) {
	if p == nil {
		return nil
	}
	return func(done, total int64) { p(what, done, total) }
}

// Transient is the capability to name files of a clone's directory that speak
// of the process which serves it: they go from a copy that was made of it while
// it ran, since where the copy is served that process may live.
type Transient interface {
	// Transient are paths relative to Clone.Dir.
	Transient() []string
}

// Wanted says which server or client is looked for.
type Wanted struct {
	// Kind is postgres, redis, psql or redis-cli.
	Kind string
	// Major is its major version, "" for any.
	Major string
	// Image is what the stack names: where images run it is that one, and a client
	// is the one beside its server.
	Image string
}

// Server is the server that a datastore asks for.
func Server(d staging.Datastore) Wanted {
	return Wanted{Kind: d.Kind, Major: d.Version, Image: d.Image}
}

// Engine is one server build: on this host or in an image, or one client.
type Engine struct {
	// Name is unique and stable: "postgres 15.18 (Debian …)".
	Name string
	// Kind is postgres, redis, psql or redis-cli; Major its major version.
	Kind    string
	Version string
	Major   string
	// Bin is the directory of its programs, Program the name of the one that
	// was asked for: valkey-server may stand for redis-server.
	Bin     string
	Program string
	// Root is the installation that a sandbox must be able to see, "" in an image.
	Root string
	// Image is the image that it is in, "" for this host; Bin is "" then.
	Image string
}

// Workload is what runs a program of this build.
func (e Engine) Workload(program string, args ...string) staging.WorkloadSpec {
	spec := staging.WorkloadSpec{Image: e.Image, Command: staging.Command{Args: append([]string{filepath.Join(e.Bin, program)}, args...)}, Mounts: e.Mounts()}
	if e.Image != "" { // what the image does first is for its own data
		spec.Container, spec.Command = &staging.Container{Entrypoint: []string{program}}, staging.Command{Args: args}
	}
	return spec
}

// Mounts are what a sandbox that sees the system's programs needs besides to
// run this one.
func (e Engine) Mounts() []staging.HostMount {
	if e.Image != "" || strings.HasPrefix(e.Root+"/", "/usr/") {
		return nil
	}
	return []staging.HostMount{{Source: e.Root, Target: e.Root, ReadOnly: true}}
}
