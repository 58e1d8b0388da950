package wire

import (
	"time"

	"offshoot/internal/staging"
)

// Snapshot is the data of an environment as of one instant.
type Snapshot struct {
	ID         string           `json:"id"`
	Project    string           `json:"project"`
	Source     string           `json:"source"`
	Revision   string           `json:"revision"`
	TakenAt    time.Time        `json:"taken_at"`
	State      string           `json:"state"`
	Masked     bool             `json:"masked"`
	SizeBytes  int64            `json:"size_bytes"`
	UsedBy     []string         `json:"used_by"`
	Parts      []SnapshotPart   `json:"parts"`
	VerifiedAt *time.Time       `json:"verified_at"`
	Failure    *staging.Failure `json:"failure"`
}

// SnapshotPart is one datastore or volume of a snapshot.
type SnapshotPart struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Engine    string `json:"engine"`
	SizeBytes int64  `json:"size_bytes"`
}

// TakeSnapshot asks for a snapshot of an environment, "" for the shared one.
type TakeSnapshot struct {
	From string `json:"from,omitempty"`
	// Data is the one datastore or volume to take; such a snapshot is used by
	// its id alone.
	Data string `json:"data,omitempty"`
}

// Reset asks for the data of a snapshot, "" for the newest.
type Reset struct {
	Snapshot string `json:"snapshot,omitempty"`
	Confirm  string `json:"confirm,omitempty"`
}

// Data is one datastore or volume.
type Data struct {
	Name            string     `json:"name"`
	Kind            string     `json:"kind"`
	Engine          string     `json:"engine"`
	Strategy        string     `json:"strategy"`
	Seeded          bool       `json:"seeded"`
	Snapshot        *string    `json:"snapshot"`
	SnapshotTakenAt *time.Time `json:"snapshot_taken_at"`
	SizeBytes       int64      `json:"size_bytes"`
	UniqueBytes     int64      `json:"unique_bytes"`
	// AgeSeconds is since the snapshot was taken; null without one.
	AgeSeconds *int64 `json:"age_s"`
	// Ahead is how far the snapshot is ahead of the branch, null where it is not.
	Ahead *staging.Ahead `json:"ahead"`
}

// EnvironmentData is all that there is to say of an environment's data.
type EnvironmentData struct {
	Environment string `json:"environment"`
	Items       []Data `json:"items"`
	// Undo is what `data undo` would bring back, null for nothing.
	Undo *Undo `json:"undo"`
}

// Undo is data that was replaced and is still kept.
type Undo struct {
	SetAsideAt time.Time `json:"set_aside_at"`
	Until      time.Time `json:"until"`
}
