package staging

import "time"

// SnapshotState is how far a snapshot is.
type SnapshotState string

// The states of a snapshot.
const (
	SnapshotTaking    SnapshotState = "taking"
	SnapshotVerifying SnapshotState = "verifying"
	SnapshotReady     SnapshotState = "ready"
	SnapshotFailed    SnapshotState = "failed"
)

// Snapshot is the data of one environment as of one paused instant, with one
// part a datastore or volume. Once ready its parts are golden copies:
// recovered, asked, cleanly stopped, read-only.
type Snapshot struct {
	ID      string
	Project string
	// Source is the environment it was taken of.
	Source string
	// SourceKind is that environment's kind: only snapshots of the shared one
	// are taken by default for new environments.
	SourceKind Kind
	// Revision is what was deployed there at that instant.
	Revision  string
	TakenAt   time.Time
	State     SnapshotState
	Masked    bool
	Automatic bool
	// Only is the one datastore or volume that was asked for, "" for all; such
	// a snapshot is used by its id alone.
	Only       string
	SizeBytes  int64
	Parts      []SnapshotPart
	VerifiedAt time.Time
	Failure    *Failure
	CreatedBy  string
}

// SnapshotPart is the data of one datastore or volume in a snapshot.
type SnapshotPart struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Engine is the server build that may serve it ("postgres 15.18 …").
	Engine    string `json:"engine"`
	SizeBytes int64  `json:"size_bytes"`
}
