package staging

// Container is what Compose says of a service that only a platform which runs
// images can do. What is zero is as the image has it.
type Container struct {
	// Entrypoint replaces the image's own, and then its command is not used
	// either; nil keeps both.
	Entrypoint []string `json:"entrypoint,omitzero"`
	// User is as Compose writes it: NAME|UID[:NAME|GID].
	User   string   `json:"user,omitempty"`
	Groups []string `json:"groups,omitempty"`
	// Hostname is what the container calls itself, "" for its service's name.
	Hostname   string `json:"hostname,omitempty"`
	Domainname string `json:"domainname,omitempty"`
	// Init runs a small init as PID 1, which reaps and passes signals on.
	Init bool `json:"init,omitempty"`
	// ReadOnly makes the image's file system read-only, mounts apart.
	ReadOnly bool `json:"read_only,omitempty"`
	TTY      bool `json:"tty,omitempty"`
	// Stdin keeps the input open: some programs end where it is closed.
	Stdin bool `json:"stdin,omitempty"`
	// SharedMemory is the size of /dev/shm in bytes.
	SharedMemory int64 `json:"shared_memory,omitempty"`
	// CapDrop are capabilities that it goes without, CapAdd those of an engine's
	// usual ones that it has nevertheless.
	CapDrop []string `json:"cap_drop,omitempty"`
	CapAdd  []string `json:"cap_add,omitempty"`
	// NoNewPrivileges is whether no program in it gains rights by being run.
	NoNewPrivileges bool `json:"no_new_privileges,omitempty"`
	// NoIPC is whether it has no shared memory at all, OwnCgroups whether it sees
	// its own groups alone.
	NoIPC      bool              `json:"no_ipc,omitempty"`
	OwnCgroups bool              `json:"own_cgroups,omitempty"`
	Sysctls    map[string]string `json:"sysctls,omitempty"`
	Ulimits    map[string]Ulimit `json:"ulimits,omitempty"`
	// ExtraHosts are names to addresses, as many as are written.
	ExtraHosts map[string][]string `json:"extra_hosts,omitempty"`
	// DNS, DNSSearch and DNSOptions are those of resolv.conf.
	DNS        []string `json:"dns,omitempty"`
	DNSSearch  []string `json:"dns_search,omitempty"`
	DNSOptions []string `json:"dns_options,omitempty"`
	// Labels are the team's own: kept, and never asked.
	Labels map[string]string `json:"labels,omitempty"`
	// FileModes are of files that are written inside, by path, where they are not
	// for everybody to read.
	FileModes map[string]FileMode `json:"file_modes,omitempty"`
}

// FileMode is whose a file is and who may do what with it (chmod(2)).
type FileMode struct {
	Mode uint32 `json:"mode"`
	UID  int    `json:"uid,omitempty"`
	GID  int    `json:"gid,omitempty"`
}

// Ulimit is a limit of a process, -1 for none.
type Ulimit struct {
	Soft int64 `json:"soft"`
	Hard int64 `json:"hard"`
}

// ImageBuild is Compose's build section of one service.
type ImageBuild struct {
	// Name is the service's, by which workloads name the image.
	Name string `json:"name"`
	// Context is a folder of the checkout, relative to it.
	Context string `json:"context"`
	// Dockerfile is relative to the context; "" is the usual name. Inline is its
	// text where Compose holds that.
	Dockerfile string            `json:"dockerfile,omitempty"`
	Inline     string            `json:"inline,omitempty"`
	Target     string            `json:"target,omitempty"`
	Args       map[string]string `json:"args,omitempty"`
	// Contexts are further ones by name: folders of the checkout, relative to it,
	// "service:NAME" for the image of another build, or "docker-image://REF".
	Contexts map[string]string `json:"contexts,omitempty"`
	// CacheFrom are images whose layers may be used again.
	CacheFrom []string `json:"cache_from,omitempty"`
	// Secrets are files that only the build's steps see, never the image.
	Secrets []BuildSecret `json:"secrets,omitempty"`
	// Offline gives the build's steps no network.
	Offline bool `json:"offline,omitempty"`
	// NoCache builds every step anew.
	NoCache    bool                `json:"no_cache,omitempty"`
	ExtraHosts map[string][]string `json:"extra_hosts,omitempty"`
	// Labels are the image's.
	Labels map[string]string `json:"labels,omitempty"`
}

// BuildSecret is a secret by the id that a Dockerfile mounts it by: a file of
// the checkout, or a variable of the project's.
type BuildSecret struct {
	ID       string `json:"id"`
	File     string `json:"file,omitempty"`
	Variable string `json:"variable,omitempty"`
}

// Program is a program of an image that runs to its end, beside all workloads.
type Program struct {
	Image string
	// User is UID:GID.
	User string
	// Args begin with the program, which the image's PATH leads to.
	Args []string
	// Env are NAME=VALUE.
	Env []string
	// Mounts are folders and files of the host, to where they are seen inside.
	Mounts map[string]string
}
