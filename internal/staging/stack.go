package staging

import (
	"slices"
	"time"
)

// Stack is what an environment is made of, read from the branch at the
// revision deployed. It is stored with the deployment as JSON, so that an
// environment can be stopped, woken and destroyed when branch, checkout and
// forge are gone.
type Stack struct {
	Services []Service `json:"services"`
	// OneShots are services that run as release tasks only.
	OneShots   []Service   `json:"one_shots,omitempty"`
	Datastores []Datastore `json:"datastores,omitempty"`
	Volumes    []Volume    `json:"volumes,omitempty"`
	// Mail are the services that would catch mail. They do not run: their names
	// lead to where Offshoot catches it.
	Mail []MailService `json:"mail,omitempty"`
	// Primary is the service whose route is the environment's URL, "" where
	// nothing listens.
	Primary string `json:"primary,omitempty"`
	// Init tasks run in order where the data started empty, before the release:
	// what an image of a database runs on empty data.
	Init []Task `json:"init,omitempty"`
	// Release tasks run in order, once a deployment, before services start.
	Release []Task `json:"release,omitempty"`
	// Seed runs once, after the release, where the data started empty.
	Seed *Task `json:"seed,omitempty"`
	// Layer runs on each golden copy before it is verified.
	Layer *Task `json:"layer,omitempty"`
	// Migrations are paths in the repository.
	Migrations []string                   `json:"migrations,omitempty"`
	Lite       []string                   `json:"lite,omitempty"`
	Sleep      Sleep                      `json:"sleep,omitzero"`
	Links      []Link                     `json:"links,omitempty"`
	Sizes      map[string]map[string]Size `json:"sizes,omitempty"`
	Hooks      Hooks                      `json:"hooks,omitzero"`
	// Build is the order to build the checkout on a platform without images:
	// each distinct command once, in this order.
	Build []BuildStep `json:"build,omitempty"`
	// Sources are the files the stack was read from, relative to the checkout.
	Sources []string `json:"sources,omitempty"`
}

// Names are all by which the services and data servers of a stack call each other.
func (s *Stack) Names() []string {
	var names []string
	for _, v := range s.Services {
		names = append(append(names, v.Name), v.Aliases...)
	}
	for _, d := range s.Datastores {
		names = append(append(names, d.Name), d.Aliases...)
	}
	return names
}

// Command is either an argument list or one line for a shell: a team's own
// command, never with values from outside put into it.
type Command struct {
	Args  []string `json:"args,omitempty"`
	Shell string   `json:"shell,omitempty"`
}

// Empty reports whether there is nothing to run.
func (c Command) Empty() bool { return len(c.Args) == 0 && c.Shell == "" }

// Service is one program of the stack that is not a datastore.
type Service struct {
	Name string `json:"name"`
	// Aliases are other names by which services of the stack call it.
	Aliases []string `json:"aliases,omitempty"`
	// Image and ImageBuild are for platforms that run images.
	Image      string      `json:"image,omitempty"`
	ImageBuild *ImageBuild `json:"image_build,omitempty"`
	// Given is the service whose given image it runs, its own name as a rule; ""
	// where Image is the stack's.
	Given string `json:"given,omitempty"`
	// Command is what runs on the process platform (process.command, the
	// Procfile's, or Compose's own); ImageCommand is Compose's.
	Command      Command  `json:"command,omitzero"`
	ImageCommand []string `json:"image_command,omitempty"`
	// Container is what else Compose says that only what runs images can do.
	Container Container `json:"container,omitzero"`
	// Environment is as written, interpolated; values are re-emitted later.
	Environment map[string]string `json:"environment,omitempty"`
	Ports       []Port            `json:"ports,omitempty"`
	DependsOn   []Dependency      `json:"depends_on,omitempty"`
	Health      Health            `json:"health,omitzero"`
	// Once is whether an end with code 0 is for good: then it is done.
	Once   bool `json:"once,omitempty"`
	Public bool `json:"public,omitempty"`
	// Schedule is a cron expression; such a service is a cron job and runs
	// only when its time comes, and in branch environments only if Enabled.
	Schedule        string `json:"schedule,omitempty"`
	ScheduleEnabled bool   `json:"schedule_enabled,omitempty"`
	// Scheduler is what starts jobs by the clock inside the service ("celery
	// beat"), "" for nothing that is known; OnlySchedules is whether it does
	// nothing else. Such a one is Off in branch environments, and has no instance
	// unless somebody scales it up, where it is not enabled.
	Scheduler     string `json:"scheduler,omitempty"`
	OnlySchedules bool   `json:"only_schedules,omitempty"`
	Off           bool   `json:"off,omitempty"`
	// Backing is whether it is an image of elsewhere that keeps data of its own or
	// that tasks need: it is up before they run, one instance of it, and goes on
	// from revision to revision as long as they say the same of it.
	Backing    bool    `json:"backing,omitempty"`
	Replicas   int     `json:"replicas"`
	Limits     Limits  `json:"limits,omitzero"`
	WorkingDir string  `json:"working_dir,omitempty"`
	Mounts     []Mount `json:"mounts,omitempty"`
	// Files are written inside before the start, path to content.
	Files map[string]string `json:"files,omitempty"`
	// StopSignal is SIGTERM where empty; StopGrace 10 s where zero.
	StopSignal string        `json:"stop_signal,omitempty"`
	StopGrace  time.Duration `json:"stop_grace,omitempty"`
	// File and Line are where the service is declared.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// BuildStep is one command that builds the checkout in place.
type BuildStep struct {
	// Name is the service that declared it, or the tool that was recognised.
	Name    string  `json:"name"`
	Command Command `json:"command"`
	// Cache are paths of the checkout, kept from build to build.
	Cache []string `json:"cache,omitempty"`
	// Guessed is whether it was recognised by files rather than declared.
	Guessed bool `json:"guessed,omitempty"`
}

// Port is one port that a service listens on.
type Port struct {
	// Target is the TCP port as Compose names it (the container's).
	Target int `json:"target"`
}

// Dependency is one depends_on entry, on a service: it must be healthy before
// the one that depends on it starts, or only have been started.
type Dependency struct {
	Name    string `json:"name"`
	Started bool   `json:"started,omitempty"`
}

// Health is how a service shows that it can serve. Path wins over Test; with
// neither, its first port must accept, and without a port it must stay up.
type Health struct {
	Path string  `json:"path,omitempty"`
	Test Command `json:"test,omitzero"`
	// Timeout bounds the whole wait after a start; 0 means 60 s.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Interval is the longest pause between two tries of Test; 0 means 1 s.
	Interval time.Duration `json:"interval,omitempty"`
	// Try bounds one try of Test; 0 means 30 s.
	Try time.Duration `json:"try,omitempty"`
	// Disabled is Compose's healthcheck.disable.
	Disabled bool `json:"disabled,omitempty"`
}

// Limits bound one instance of a service; zero means the server's default.
type Limits struct {
	CPUs   float64 `json:"cpus,omitempty"`
	Memory int64   `json:"memory,omitempty"`
	PIDs   int64   `json:"pids,omitempty"`
}

// MountKind says what is mounted.
type MountKind string

// The kinds of mount a stack may ask for.
const (
	// MountCheckout is a path of the checkout at this revision.
	MountCheckout MountKind = "checkout"
	// MountVolume is a volume of the environment.
	MountVolume MountKind = "volume"
	MountTmpfs  MountKind = "tmpfs"
)

// Mount is one mount of a service.
type Mount struct {
	Kind MountKind `json:"kind"`
	// Source is a path in the checkout or a volume's name.
	Source   string `json:"source,omitempty"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only,omitempty"`
	// Keep are folders below a checkout's Target, relative to it, in which what
	// the image has there stays: no revision holds them.
	Keep []string `json:"keep,omitempty"`
	// Fill is whether an empty volume takes what the image has at Target.
	Fill bool `json:"fill,omitempty"`
	// Options are those of a tmpfs, as mount(8) has them, where it can have some.
	Options string `json:"options,omitempty"`
}

// Volume is a named volume of services that are no datastores.
type Volume struct {
	Name string `json:"name"`
	// Clone is whether its content comes along from the snapshot.
	Clone bool `json:"clone"`
}

// Datastore is a service whose image is a known data server.
type Datastore struct {
	Name string `json:"name"`
	// Aliases are other names by which services of the stack call it.
	Aliases []string `json:"aliases,omitempty"`
	// Kind is postgres, redis or solr; valkey is a redis.
	Kind  string `json:"kind"`
	Image string `json:"image"`
	// Version is the major version the image names ("15"), "" for any.
	Version string `json:"version,omitempty"`
	// User and Database are as declared, defaults of the image filled in;
	// Password is "" where the stack names none.
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	Database string `json:"database,omitempty"`
	// Port is the server's usual one (5432), as values are written with it.
	Port   int      `json:"port"`
	Args   []string `json:"args,omitempty"`
	Limits Limits   `json:"limits,omitzero"`
	File   string   `json:"file,omitempty"`
	Line   int      `json:"line,omitempty"`
}

// MailService is a service whose image is a known catcher of mail.
type MailService struct {
	Name string `json:"name"`
	// Aliases are other names by which services of the stack call it.
	Aliases []string `json:"aliases,omitempty"`
	File    string   `json:"file,omitempty"`
	Line    int      `json:"line,omitempty"`
}

// Task is a one-off command with the code and variables of a service.
type Task struct {
	Name    string  `json:"name"`
	Service string  `json:"service,omitempty"`
	Command Command `json:"command"`
	// Timeout is 0 for the project's limit.
	Timeout time.Duration `json:"timeout,omitempty"`
	// KeepOnFailure leaves the data as the failed release left it.
	KeepOnFailure bool `json:"keep_on_failure,omitempty"`
}

// Sleep is when an idle environment sleeps.
type Sleep struct {
	// After is 0 for the project's or server's rule.
	After time.Duration `json:"after,omitempty"`
	Never bool          `json:"never,omitempty"`
}

// Link is a variable that points at another project's environment.
type Link struct {
	Name    string `json:"name"`
	Project string `json:"project,omitempty"`
	// Variable holds the address; its public twin is NAME_PUBLIC_URL.
	Variable string `json:"variable"`
	// MatchBranch prefers the environment of the branch of the same name.
	MatchBranch bool `json:"match_branch,omitempty"`
	// URL is a fixed address where the other is no Offshoot project.
	URL string `json:"url,omitempty"`
}

// Size is what a size changes of one service.
type Size struct {
	Replicas *int    `json:"replicas,omitempty"`
	CPUs     float64 `json:"cpus,omitempty"`
	Memory   int64   `json:"memory,omitempty"`
}

// Hooks are a team's own commands, run in the environment as one-off tasks.
type Hooks struct {
	AfterCreate   []Command `json:"after_create,omitempty"`
	AfterDeploy   []Command `json:"after_deploy,omitempty"`
	BeforeDestroy []Command `json:"before_destroy,omitempty"`
}

// Service returns the service of that name, one-shot or not.
func (s *Stack) Service(name string) (Service, bool) {
	for _, list := range [][]Service{s.Services, s.OneShots} {
		for _, v := range list {
			if v.Name == name {
				return v, true
			}
		}
	}
	return Service{}, false
}

// Datastore returns the datastore of that name.
func (s *Stack) Datastore(name string) (Datastore, bool) {
	for _, d := range s.Datastores {
		if d.Name == name {
			return d, true
		}
	}
	return Datastore{}, false
}

// Branched is the stack as an environment of that kind runs it: in those of
// branches nothing starts jobs by the clock that is not enabled.
func (s *Stack) Branched(kind Kind) {
	for i := range s.Services {
		v := &s.Services[i]
		v.Off = kind != KindShared && v.OnlySchedules && !v.ScheduleEnabled
	}
}

// CronsOn is whether a service may start jobs by the clock in an environment of
// that kind. What is nothing but a job or a scheduler runs only where somebody
// wants it to.
func (s Service) CronsOn(kind Kind) bool {
	return kind == KindShared || s.ScheduleEnabled || s.Schedule != "" || s.OnlySchedules
}

// KeepsOnFailure is whether the data stays as a failed release left it.
func (s *Stack) KeepsOnFailure() bool {
	return slices.ContainsFunc(s.Release, func(t Task) bool { return t.KeepOnFailure })
}
