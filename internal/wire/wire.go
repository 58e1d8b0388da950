// Package wire is the JSON that API, command line and page speak. Keys are
// added, never renamed. Durations end in _s or _ms, sizes are bytes.
package wire

import (
	"time"

	"offshoot/internal/staging"
)

// Environment is one environment as everyone sees it.
type Environment struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	Branch  string `json:"branch"`
	Ref     string `json:"ref"`
	Slug    string `json:"slug"`
	Kind    string `json:"kind"`
	Phase   string `json:"phase"`
	Reason  string `json:"reason"`
	// Awake is whether it is wanted to run; what it does is the phase.
	Awake          bool              `json:"awake"`
	URL            string            `json:"url"`
	URLs           map[string]string `json:"urls"`
	Revision       Revision          `json:"revision"`
	PullRequest    *int              `json:"pull_request"`
	Generation     int64             `json:"generation"`
	Pinned         bool              `json:"pinned"`
	Size           string            `json:"size"`
	Platform       string            `json:"platform"`
	CreatedAt      time.Time         `json:"created_at"`
	CreatedBy      string            `json:"created_by"`
	LastActivityAt time.Time         `json:"last_activity_at"`
	ExpiresAt      *time.Time        `json:"expires_at"`
	DestroyedAt    *time.Time        `json:"destroyed_at"`
	Services       []Service         `json:"services"`
	Data           []Data            `json:"data"`
	Links          []Link            `json:"links"`
	Notes          []staging.Note    `json:"notes"`
	// Blocked are connections that were not let through, the last first, of one that
	// is shown alone.
	Blocked []Blocked `json:"blocked,omitempty"`
	// MailCount is how many messages were caught, of one that is shown alone.
	MailCount  *int             `json:"mail_count,omitempty"`
	Failure    *staging.Failure `json:"failure"`
	Deployment *Deployment      `json:"deployment"`
}

// Revision is what is wanted and what serves; null means nothing.
type Revision struct {
	Desired     string     `json:"desired"`
	Deployed    *string    `json:"deployed"`
	Message     string     `json:"message"`
	Author      string     `json:"author"`
	CommittedAt *time.Time `json:"committed_at"`
	// Joined are those of the joined repositories, as the latest deployment has them.
	Joined []staging.JoinedRevision `json:"joined,omitempty"`
}

// Service is what one service does now.
type Service struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Replicas int    `json:"replicas"`
	// Image is what it runs, "" where that is built here or there is none. Digest is
	// the registry's, where it was given.
	Image  string `json:"image,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Running is how many of the replicas run now.
	Running int `json:"running"`
	// LogTail are the last words of one that does not stay up, oldest first.
	LogTail []string `json:"log_tail,omitempty"`
	// Scheduler is what starts jobs by the clock inside the service.
	Scheduler string `json:"scheduler,omitempty"`
	// Schedule is a cron job's; Enabled is whether it, or the scheduler, starts jobs
	// by itself here.
	Schedule string `json:"schedule,omitempty"`
	Enabled  bool   `json:"enabled,omitempty"`
}

// LinkUndeclared is the state of a link that was set and that the stack does not
// declare.
const LinkUndeclared = "undeclared"

// Link is a variable that points at another environment.
type Link struct {
	Name        string `json:"name"`
	Environment string `json:"environment"`
	Default     bool   `json:"default"`
	State       string `json:"state"`
	URL         string `json:"url"`
}

// Blocked is where connections of an environment were not let through to.
type Blocked struct {
	// Host is a name where it is known, else an address.
	Host string `json:"host"`
	Port int    `json:"port"`
	// Protocol is tcp, udp, another's number, or dns for a name that was asked for
	// and not told.
	Protocol string    `json:"protocol"`
	Count    int64     `json:"count"`
	FirstAt  time.Time `json:"first_at"`
	LastAt   time.Time `json:"last_at"`
}

// Deployment is one attempt.
type Deployment struct {
	ID         string     `json:"id"`
	Outcome    string     `json:"outcome"`
	Generation int64      `json:"generation"`
	Revision   string     `json:"revision"`
	Cause      string     `json:"cause"`
	StartedAt  time.Time  `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`
	TotalMS    int64      `json:"total_ms"`
	MarkMS     int64      `json:"mark_ms"`
	Steps      []Step     `json:"steps"`
	Successor  string     `json:"successor"`
	// Images are those that services were given, by service.
	Images  map[string]Image `json:"images,omitempty"`
	Failure *staging.Failure `json:"failure"`
}

// Image is an image that was made elsewhere. Digest is the registry's, "" for one
// that no registry has.
type Image struct {
	Ref    string `json:"ref"`
	Digest string `json:"digest"`
}

// Step is one line of a timeline.
type Step struct {
	Name       string `json:"name"`
	State      string `json:"state"`
	DurationMS int64  `json:"duration_ms"`
	Detail     string `json:"detail"`
}

// Project is one repository and its policy.
type Project struct {
	Name          string `json:"name"`
	Repo          string `json:"repo"`
	DefaultBranch string `json:"default_branch"`
	StagingBranch string `json:"staging_branch"`
	Domain        string `json:"domain"`
	Platform      string `json:"platform"`
	// PlatformChosen is where its environments run: what it says itself, else its
	// server, else what was found to suit it. "" until that is found.
	PlatformChosen string   `json:"platform_chosen"`
	ComposeFile    string   `json:"compose_file"`
	AutoCreate     string   `json:"auto_create"`
	Watch          bool     `json:"watch"`
	AllowHosts     []string `json:"allow_hosts"`
	// Outbound and OutboundShared are open or listed.
	Outbound       string   `json:"outbound"`
	OutboundShared string   `json:"outbound_shared"`
	AllowOutbound  []string `json:"allow_outbound"`
	// Joined are repositories whose files a checkout has too.
	Joined       []staging.Joined `json:"joined"`
	TTLSeconds   int64            `json:"ttl_s"`
	SleepSeconds int64            `json:"sleep_s"`
	CreatedAt    time.Time        `json:"created_at"`

	// FetchedAt is when its repository was first read; null where that was not
	// possible yet for want of a credential.
	FetchedAt             *time.Time `json:"fetched_at"`
	SnapshotSource        string     `json:"snapshot_source"`
	SnapshotAt            string     `json:"snapshot_at"`
	Submodules            bool       `json:"submodules"`
	LFS                   bool       `json:"lfs"`
	MaxEnvironments       int        `json:"max_environments"`
	MaxCPUs               float64    `json:"max_cpus"`
	MaxMemoryBytes        int64      `json:"max_memory_bytes"`
	BuildTimeoutSeconds   int64      `json:"build_timeout_s"`
	ReleaseTimeoutSeconds int64      `json:"release_timeout_s"`
}

// AddProject asks for a new project.
type AddProject struct {
	Name          string `json:"name"`
	Repo          string `json:"repo"`
	DefaultBranch string `json:"default_branch,omitempty"`
	StagingBranch string `json:"staging_branch,omitempty"`
	Domain        string `json:"domain,omitempty"`
	ComposeFile   string `json:"compose_file,omitempty"`
	Platform      string `json:"platform,omitempty"`
	// NoWatch lets the repository neither be watched nor listed.
	NoWatch bool `json:"no_watch,omitempty"`
	// AutoCreate is none or branch:GLOB.
	AutoCreate string `json:"auto_create,omitempty"`
	// Join has FOLDER=REPOSITORY, or with #BRANCH.
	Join []string `json:"join,omitempty"`
	Forge
}

// CreateEnvironment asks for an environment, or brings it to this state.
type CreateEnvironment struct {
	Branch string            `json:"branch"`
	Commit string            `json:"commit,omitempty"`
	Env    map[string]string `json:"env,omitempty"`
	// Links point a link at an environment, by its name or id.
	Links      map[string]string `json:"links,omitempty"`
	TTLSeconds int64             `json:"ttl_s,omitempty"`
	Pin        bool              `json:"pin,omitempty"`
	Size       string            `json:"size,omitempty"`
	Snapshot   string            `json:"snapshot,omitempty"`
	Lite       bool              `json:"lite,omitempty"`
	FromMoment string            `json:"from_moment,omitempty"`
	// Images are what services run instead of what the stack says, by service; "" is
	// what the stack says again.
	Images map[string]string `json:"images,omitempty"`
	// DryRun changes nothing: the answer's reason says what would happen.
	DryRun bool `json:"dry_run,omitempty"`
}

// Deploy asks for a revision in an existing environment.
type Deploy struct {
	Commit string `json:"commit,omitempty"`
	Force  bool   `json:"force,omitempty"`
	// Branch is the branch to put on shared staging.
	Branch string `json:"branch,omitempty"`
	// Images are what services run, by service.
	Images map[string]string `json:"images,omitempty"`
}

// Extend asks for more time.
type Extend struct {
	DurationSeconds int64 `json:"duration_s"`
}

// Variables asks to set and unset variables.
type Variables struct {
	Set    map[string]string `json:"set,omitempty"`
	Unset  []string          `json:"unset,omitempty"`
	Secret bool              `json:"secret,omitempty"`
	Scope  string            `json:"scope,omitempty"`
	Build  bool              `json:"build,omitempty"`
	File   string            `json:"file,omitempty"`
}

// Variable is one project variable; a secret's value is never shown.
type Variable struct {
	Key    string  `json:"key"`
	Value  *string `json:"value"`
	Secret bool    `json:"secret"`
	Scope  string  `json:"scope"`
	Build  bool    `json:"build"`
	File   string  `json:"file"`
}

// Resource is one row of the ledger.
type Resource struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Reason string `json:"reason"`
}

// DestroyReport says what went and what is left.
type DestroyReport struct {
	Environment string      `json:"environment"`
	Removed     []Removed   `json:"removed"`
	Remaining   []Remaining `json:"remaining"`
}

// Removed is one thing that was seen gone.
type Removed struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	VerifiedBy string `json:"verified_by"`
}

// Remaining is one thing that is not gone yet, and why.
type Remaining struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// List is a page of items.
type List[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// Problem is RFC 9457's problem details, with our code and hint.
type Problem struct {
	Type    string           `json:"type"`
	Title   string           `json:"title"`
	Status  int              `json:"status"`
	Detail  string           `json:"detail"`
	Code    string           `json:"code"`
	Hint    string           `json:"hint"`
	Failure *staging.Failure `json:"failure,omitempty"`
}

// LogLine is one line of a workload's output.
type LogLine struct {
	At      time.Time `json:"at"`
	Service string    `json:"service"`
	Name    string    `json:"name"`
	Stream  string    `json:"stream"`
	Text    string    `json:"text"`
	// Position is where in its instance's log the line stands, to go on after.
	Position string `json:"position"`
}
