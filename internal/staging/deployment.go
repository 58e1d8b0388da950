package staging

import "time"

// Deployment is one attempt to bring a revision into an environment. It is
// kept as history.
type Deployment struct {
	ID          string
	Environment string
	Generation  int64
	Revision    Revision
	// Options is the desired state this deployment brings.
	Options Desired
	// Cause is why it was made ("push", "create", "env set", "data reset").
	Cause string
	Actor string

	Outcome    Outcome
	StartedAt  time.Time
	FinishedAt time.Time
	Steps      []Step
	Failure    *Failure
	// Stack is what the manifest said at this revision, nil until it was read.
	Stack *Stack
	// Notes are what the manifest guessed or ignored, and each value that was
	// re-emitted with another address.
	Notes []Note
	// Successor is the deployment that superseded this one.
	Successor string

	// Facts that decide what happens after a crash; each is written before
	// the effect it announces, or together with its result.
	Progress Progress
}

// Progress is what a deployment has irrevocably begun or done.
type Progress struct {
	// Artifact is the reference of the build's result, "" until built.
	Artifact string `json:"artifact,omitempty"`
	// Images are those that services were given and run, by service.
	Images map[string]UsedImage `json:"images,omitempty"`
	// Source is where new data came from: a snapshot's id, "none", or "undo:"
	// and the set of asides. All data of a deployment has the same.
	Source string `json:"source,omitempty"`
	// Mark is the ledger name of the mark of the data before the release, ""
	// where there is none; NoMark says why none will be.
	Mark   string `json:"mark,omitempty"`
	NoMark string `json:"no_mark,omitempty"`
	// MarkedAt is the instant the mark was taken.
	MarkedAt time.Time `json:"marked_at,omitzero"`
	// MarkMS is how long the mark took, in milliseconds.
	MarkMS int64 `json:"mark_ms,omitempty"`
	// Schemas are fingerprints of the datastores' schemas at the mark; Schema
	// is what comparing them after a failure said, "" before.
	Schemas map[string]string `json:"schemas,omitempty"`
	Schema  SchemaChange      `json:"schema,omitempty"`
	// Ended are the ledger names of tasks that ended well: none runs twice.
	Ended []string `json:"ended,omitempty"`
	// ReleaseBegan and ReleaseDone bracket the release task.
	ReleaseBegan bool `json:"release_began,omitempty"`
	ReleaseDone  bool `json:"release_done,omitempty"`
	SeedDone     bool `json:"seed_done,omitempty"`
	Healthy      bool `json:"healthy,omitempty"`
	Routed       bool `json:"routed,omitempty"`
	// Restored is whether the mark came back after a failure.
	Restored bool `json:"restored,omitempty"`
}

// SchemaChange is whether a release that failed had changed the schema.
type SchemaChange string

// The answers of a comparison; what cannot be asked counts as changed.
const (
	SchemaChanged SchemaChange = "changed"
	SchemaSame    SchemaChange = "same"
)

// StepState is how far a step is.
type StepState string

// The states of a step.
const (
	StepPending StepState = "pending"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepSkipped StepState = "skipped"
	StepFailed  StepState = "failed"
)

// Step is one line of a deployment's timeline.
type Step struct {
	Name       StepName  `json:"name"`
	State      StepState `json:"state"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	DurationMS int64     `json:"duration_ms"`
	// Detail is what a person wants to know of it ("built from cache",
	// "cloned 1.2 GB by reflink").
	Detail string `json:"detail,omitempty"`
}

// NoteKind says what a note reports.
type NoteKind string

// The kinds of note.
const (
	NoteGuessed NoteKind = "guessed"
	NoteIgnored NoteKind = "ignored"
	NoteMissing NoteKind = "missing"
	NoteRefused NoteKind = "refused"
	NoteRewrite NoteKind = "rewritten"
)

// Note is something a person should know of how the stack was read.
type Note struct {
	Kind    NoteKind `json:"kind"`
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Key     string   `json:"key"`
	Message string   `json:"message"`
	Hint    string   `json:"hint"`
}
