package staging

import (
	"strings"
	"time"
)

// Project is one repository and the policy that its administrators set on the
// server. A branch cannot change anything here.
type Project struct {
	Name string
	// Repo is a URL or an absolute path. It never contains credentials.
	Repo          string
	DefaultBranch string
	// StagingBranch is the branch of the shared environment.
	StagingBranch string
	// Domain is the host suffix of the project's environments, "" for
	// NAME.SERVER-DOMAIN.
	Domain string
	// Watch is whether pushes are looked for: a path is watched, a URL listed.
	Watch bool
	// Platform is what was asked for, "" for the server's.
	Platform string
	// ComposeFile is a path in the repository, or several with commas between, ""
	// for the usual names.
	ComposeFile string
	// AutoCreate is none or branch:GLOB ("" in records of before).
	AutoCreate string
	Policy     Policy
	CreatedAt  time.Time
	// FetchedAt is when the mirror was last brought up to date, zero for never.
	FetchedAt time.Time
}

// Policy is what a project's administrators allow and prefer. Zero values mean
// the server's defaults.
type Policy struct {
	// AllowHosts are HOST or HOST:PORT that variables for a datastore may name
	// although they are not the environment's own.
	AllowHosts []string `json:"allow_hosts,omitempty"`
	// Outbound is where branch environments may connect to outside: anywhere ("" or
	// OutboundOpen), or what AllowOutbound lists (OutboundListed); OutboundShared
	// is the same for the shared one.
	Outbound       string `json:"outbound,omitempty"`
	OutboundShared string `json:"outbound_shared,omitempty"`
	// AllowOutbound are HOST, *.HOST or an address of IPv4, each with :PORT or for
	// all ports.
	AllowOutbound []string `json:"allow_outbound,omitempty"`
	// Joined are repositories whose files a checkout has too, by their folders.
	Joined []Joined `json:"joined,omitempty"`
	// SnapshotSource is an environment id from which new environments take
	// their data, "" for the shared environment.
	SnapshotSource string        `json:"snapshot_source,omitempty"`
	TTL            time.Duration `json:"ttl,omitempty"`
	// Sleep is the idle time before sleep; negative means never.
	Sleep time.Duration `json:"sleep,omitempty"`
	// SnapshotAt is the local hour and minute of the daily snapshot ("03:00"),
	// "off" for none.
	SnapshotAt string `json:"snapshot_at,omitempty"`
	// Submodules, LFS and GitHooks allow what a checkout otherwise never does.
	Submodules bool `json:"submodules,omitempty"`
	LFS        bool `json:"lfs,omitempty"`
	// MaxEnvironments bounds the environments of this project, 0 for no bound.
	MaxEnvironments int `json:"max_environments,omitempty"`
	// MaxCPUs and MaxMemory bound what one service may ask for.
	MaxCPUs   float64 `json:"max_cpus,omitempty"`
	MaxMemory int64   `json:"max_memory,omitempty"`
	// Suits is the platform that was decided on for a project that names none,
	// "" where nothing of it was created yet.
	Suits          string        `json:"suits,omitempty"`
	BuildTimeout   time.Duration `json:"build_timeout,omitempty"`
	ReleaseTimeout time.Duration `json:"release_timeout,omitempty"`
}

// What Policy.Outbound may be.
const (
	OutboundOpen   = "open"
	OutboundListed = "listed"
)

// Confines is whether environments of a kind connect outside only where the policy
// lists.
func (p Policy) Confines(kind Kind) bool {
	if kind == KindShared {
		return p.OutboundShared == OutboundListed
	}
	return p.Outbound == OutboundListed
}

// Scope says for which environments a project variable or secret holds.
type Scope string

// The scopes of a variable; ScopeAll is the empty one.
const (
	ScopeAll    Scope = ""
	ScopeShared Scope = "shared"
	ScopeBranch Scope = "branch"
	ScopeLite   Scope = "lite"
	ScopeFork   Scope = "fork"
)

// Variable is one project variable or secret. A secret's value is only ever in
// memory while a plan needs it; the store holds it sealed.
type Variable struct {
	Key    string
	Value  string
	Scope  Scope
	Secret bool
	// Build is whether builds see it too; File is a path inside the sandbox to
	// which the value is written instead of the environment.
	Build bool
	File  string
}

// ComposeFiles are the paths that a project's ComposeFile names, the later over the
// earlier.
func ComposeFiles(chosen string) []string {
	if chosen == "" {
		return nil
	}
	return strings.Split(chosen, ",")
}
