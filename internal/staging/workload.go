package staging

import "time"

// WorkloadSpec is what a platform runs, for a service, a data server, a one-off
// task or a build. It is complete: a driver adds nothing that a stack could
// have decided.
type WorkloadSpec struct {
	// Service is the name in the stack, for logs and labels.
	Service string `json:"service"`
	// Aliases are its other names in a network where names resolve.
	Aliases []string `json:"aliases,omitempty"`
	// Role decides the user it runs as and what it may see.
	Role Role `json:"role"`
	// Artifact is the build's reference that is mounted at /app, "" for none.
	Artifact string `json:"artifact,omitempty"`
	// Image is for platforms that run images: what it runs, where Built is "".
	Image string `json:"image,omitempty"`
	// Built is the image of that name among those that Artifact holds.
	Built string `json:"built,omitempty"`
	// Container is what only platforms that run images can do, nil elsewhere.
	Container *Container `json:"container,omitempty"`
	// Instance is that of the endpoints on which it listens, "" for none.
	Instance string  `json:"instance,omitempty"`
	Command  Command `json:"command"`
	// Arguments is whether Command is what an image is given to its entrypoint, as
	// Compose has it. Else a task's is a program of the team's own, and takes the
	// place of an entrypoint that is more than a way to run what follows.
	Arguments bool `json:"arguments,omitempty"`
	// Hold is whether it runs nothing itself, for commands to be run beside it:
	// Command is not used then.
	Hold bool `json:"hold,omitempty"`
	// Dir is the working directory inside; "" is /app, or its image's.
	Dir string `json:"dir,omitempty"`
	// Env is the whole environment. It is given to the driver in memory and
	// never stored in the ledger: its JSON form is left out on purpose.
	Env map[string]string `json:"-"`
	// Files are written inside before the start (secret files), path to
	// content, mode 0400.
	Files  map[string]string `json:"-"`
	Mounts []HostMount       `json:"mounts,omitempty"`
	// Hosts are names that must resolve inside, to addresses.
	Hosts  map[string]string `json:"hosts,omitempty"`
	Limits Limits            `json:"limits,omitzero"`
	// Restart is whether a crash is answered by a new start with backoff.
	Restart bool `json:"restart,omitempty"`
	// Once is whether an end with code 0 is for good, not to be answered by a new
	// start: the workload is done then.
	Once bool `json:"once,omitempty"`
	// Timeout ends a task or build that runs longer, 0 for none.
	Timeout    time.Duration `json:"timeout,omitempty"`
	StopSignal string        `json:"stop_signal,omitempty"`
	StopGrace  time.Duration `json:"stop_grace,omitempty"`
	// DiscardSignal ends it, at once and with nothing written out, where its
	// data goes with it; "" where it is asked as ever.
	DiscardSignal string `json:"discard_signal,omitempty"`
	// Labels are project, environment, branch and such, for logs and metrics.
	Labels map[string]string `json:"labels,omitempty"`
}

// Role is what a workload is to its environment.
type Role string

// The roles. A data server runs under a user of its own that services of the
// environment cannot act as.
const (
	RoleService Role = "service"
	RoleData    Role = "data"
	RoleTask    Role = "task"
	RoleBuild   Role = "build"
)

// HostMount is a directory of the host that appears inside.
type HostMount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only,omitempty"`
	// Tmpfs mounts an empty memory file system; Source is empty then.
	Tmpfs bool `json:"tmpfs,omitempty"`
	// Options are those of Tmpfs as mount(8) has them, for platforms that run
	// images.
	Options string `json:"options,omitempty"`
	// Checkout shows a part of the workload's own checkout, to which Source is
	// relative, at another place.
	Checkout bool `json:"checkout,omitempty"`
	// Keep are folders below Target, relative to it, in which what the image has
	// there stays.
	Keep []string `json:"keep,omitempty"`
	// Fill is whether Source, where it is empty, takes what the image has at
	// Target, with the owner and mode of that.
	Fill bool `json:"fill,omitempty"`
}

// BuildSpec asks for an artifact: the checkout at a revision with every build
// step done. Equal Keys give equal artifacts.
type BuildSpec struct {
	Project string `json:"project"`
	// Key is the content key: tree, build steps, build variables, platform.
	Key string `json:"key"`
	// Checkout is a directory with the revision's files, never written to.
	Checkout string      `json:"checkout"`
	Steps    []BuildStep `json:"steps,omitempty"`
	// Images are what a platform that runs images builds, instead of Steps; the
	// artifact holds them all by their names.
	Images []ImageBuild `json:"images,omitempty"`
	// Pulls are images that were made elsewhere.
	Pulls []ImagePull `json:"pulls,omitempty"`
	// Branch owns the cache layer that is written; BaseBranch's last good
	// build is underneath, read-only.
	Branch     string            `json:"branch"`
	BaseBranch string            `json:"base_branch"`
	Env        map[string]string `json:"-"`
	Limits     Limits            `json:"limits,omitzero"`
	Timeout    time.Duration     `json:"timeout,omitempty"`
}

// ImagePull is an image of elsewhere for the service of that name.
type ImagePull struct {
	Name string `json:"name"`
	Ref  string `json:"ref"`
	// Fresh is whether it is asked what Ref leads to now, even where an image of
	// that name is there.
	Fresh bool `json:"fresh,omitempty"`
}
