package staging

import "time"

// Environment is one branch's running copy as the store remembers it: what is
// desired, what serves, and the bits that policy needs. What really exists is
// in the ledger and in observations.
type Environment struct {
	ID      string
	Project string
	// Branch is the short name; Ref the full one (refs/heads/…).
	Branch string
	Ref    string
	// Slug is fixed at creation, unique in the project among environments
	// that are neither destroying nor destroyed.
	Slug     string
	Kind     Kind
	Platform string
	Phase    Phase
	// Reason says why the phase is what it is where that is not obvious
	// ("queued: place 3, under 15 % free disk").
	Reason string

	// Generation counts changes of the desired state. Every side effect
	// compares it first. Awake is a bit of its own and never touches it.
	Generation int64
	Awake      bool
	Desired    Desired
	Deployed   Deployed

	Pinned bool
	// TTL is this environment's own, 0 for the project's or server's.
	TTL time.Duration
	// ExtendedTo is what `extend` said, zero for nothing.
	ExtendedTo     time.Time
	WarnedAt       time.Time
	LastActivityAt time.Time
	// AwakeSince is when it last woke: until it was idle for its time after
	// that too it does not sleep, whoever woke it.
	AwakeSince time.Time
	// AsleepBy is why it sleeps or is about to: AsleepIdle, AsleepLong, or who
	// asked.
	AsleepBy  string
	CreatedAt time.Time
	CreatedBy string
	// DeleteRequestedAt is sticky: once set, the id never comes back.
	DeleteRequestedAt time.Time
	DestroyedAt       time.Time
	DeleteCause       string
	// After is the id of an environment of the same slug that must be verified
	// gone before this one starts, "" for none.
	After string

	// Current is the latest deployment's id, "" for none yet.
	Current string
	// Data is where each datastore's and volume's content came from.
	Data []DataOrigin
}

// Why environments sleep that no person put to sleep: nobody used them for their
// time, and for as long again. Where a platform lets workloads rest, they do in
// between.
const (
	AsleepIdle = "idle"
	AsleepLong = "idle for long"
)

// Why environments go that no person asked to destroy.
const (
	CauseExpired       = "nobody used it"
	CauseBranchDeleted = "its branch was deleted"
)

// Desired is what an environment was asked to be.
type Desired struct {
	// Revision is a full commit id.
	Revision string `json:"revision"`
	// Joined are the revisions of the joined repositories, by their folders.
	Joined []JoinedRevision `json:"joined,omitempty"`
	// HeldAt is the head that the environment's own branch had when Revision
	// was given by --commit or --into: it stays until that branch moves. ""
	// where the revision follows the branch.
	HeldAt string `json:"held_at,omitempty"`
	// BorrowedBranch is the branch put on shared staging by --into staging.
	BorrowedBranch string            `json:"borrowed_branch,omitempty"`
	Env            map[string]string `json:"env,omitempty"`
	// Links maps a link's name to an environment id; absent means default.
	Links map[string]string `json:"links,omitempty"`
	// Images are those that services were given, by service.
	Images map[string]GivenImage `json:"images,omitempty"`
	// Size is small, medium or large; "" is small.
	Size string `json:"size,omitempty"`
	// Scale is the number of instances by service where a person set it.
	Scale map[string]int `json:"scale,omitempty"`
	// Snapshot is an id, "latest" or "none"; it counts only while there is no data.
	Snapshot string `json:"snapshot,omitempty"`
	// DataReset names the snapshot that a running reset goes back to, DataUndo
	// the set of asides that an undo brings back ("" where the last was the
	// other); DataResets counts both so that each is done once.
	DataReset  string `json:"data_reset,omitempty"`
	DataUndo   string `json:"data_undo,omitempty"`
	DataResets int    `json:"data_resets,omitempty"`
}

// Deployed is what serves.
type Deployed struct {
	// Revision and Deployment are "" where nothing serves.
	Revision   string    `json:"revision"`
	Deployment string    `json:"deployment"`
	At         time.Time `json:"at"`
}

// DataOrigin says where the content of one datastore or volume came from.
type DataOrigin struct {
	Name string `json:"name"`
	// Kind is postgres, redis or volume.
	Kind string `json:"kind"`
	// Engine is the server build that made and serves it.
	Engine string `json:"engine"`
	// Strategy is how it was copied: reflink, copy or empty.
	Strategy        string    `json:"strategy"`
	Snapshot        string    `json:"snapshot"`
	SnapshotTakenAt time.Time `json:"snapshot_taken_at"`
	// SnapshotRevision is what was deployed where the snapshot was taken.
	SnapshotRevision string `json:"snapshot_revision,omitempty"`
	// Empty is whether it began without content, Seeded whether seed ran then.
	Empty  bool `json:"empty,omitempty"`
	Seeded bool `json:"seeded"`
	// SizeBytes is how much was copied when it was made.
	SizeBytes int64 `json:"size_bytes,omitempty"`
}

// Revision is one commit, as people see it.
type Revision struct {
	ID          string
	Message     string
	Author      string
	CommittedAt time.Time
	// Tree is the tree id of all its files, the content key of a build.
	Tree string
	// Whole is the commit that has its files and those of the joined repositories;
	// "" where none is joined. No branch has it, and nobody is shown it.
	Whole string `json:",omitempty"`
	// Joined are the revisions of the joined repositories, by their folders.
	Joined []JoinedRevision `json:",omitempty"`
}

// Branch is the branch to deploy again: the one that was borrowed, else own.
func (d Desired) Branch(own string) string {
	if d.BorrowedBranch != "" {
		return d.BorrowedBranch
	}
	return own
}

// Brings is what a deployment of d brings about. What only says how it was
// asked for, or takes effect without a deployment, is left out: two states
// that bring the same need one deployment.
func (d Desired) Brings() Desired {
	d.HeldAt, d.BorrowedBranch, d.Snapshot = "", "", ""
	d.Links, d.Scale = nil, nil
	return d
}

// Replicas is how many instances of a service run: what it was scaled to, else
// what the size says, else the stack. A cron job has none, nor has what is off.
func (d Desired) Replicas(stack *Stack, s Service) int {
	if s.Schedule != "" {
		return 0
	}
	if n, ok := d.Scale[s.Name]; ok {
		return max(0, n)
	}
	if s.Off {
		return 0
	}
	size := d.Size
	if size == "" {
		size = DefaultSize
	}
	if n := stack.Sizes[size][s.Name].Replicas; n != nil {
		return max(0, *n)
	}
	return max(1, s.Replicas)
}

// DefaultSize is the size of an environment that nobody gave another.
const DefaultSize = "small"
