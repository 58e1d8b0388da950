package wire

// SetProject asks to change a project: nil leaves what is.
type SetProject struct {
	Repo          *string `json:"repo,omitempty"`
	DefaultBranch *string `json:"default_branch,omitempty"`
	StagingBranch *string `json:"staging_branch,omitempty"`
	Domain        *string `json:"domain,omitempty"`
	ComposeFile   *string `json:"compose_file,omitempty"`
	Platform      *string `json:"platform,omitempty"`
	Watch         *bool   `json:"watch,omitempty"`
	AutoCreate    *string `json:"auto_create,omitempty"`
	// AllowHosts are added to the hosts that variables for data may name,
	// ForbidHosts taken away from them.
	AllowHosts  []string `json:"allow_hosts,omitempty"`
	ForbidHosts []string `json:"forbid_hosts,omitempty"`
	// Outbound is where branch environments may connect to outside: anywhere (open)
	// or where listed; OutboundShared is that of the shared one.
	Outbound       *string `json:"outbound,omitempty"`
	OutboundShared *string `json:"outbound_shared,omitempty"`
	// AllowOutbound are added to that list, ForbidOutbound taken away from it.
	AllowOutbound  []string `json:"allow_outbound,omitempty"`
	ForbidOutbound []string `json:"forbid_outbound,omitempty"`
	// Join has FOLDER=REPOSITORY, or with #BRANCH for what the repository has no
	// branch of; without a repository one is joined no more.
	Join []string `json:"join,omitempty"`
	// SnapshotSource is an environment's id, "" for the shared one.
	SnapshotSource *string `json:"snapshot_source,omitempty"`
	// SnapshotAt is the time of day of the daily snapshot ("03:00"), or "off".
	SnapshotAt *string `json:"snapshot_at,omitempty"`
	// TTLSeconds and SleepSeconds are 0 for the server's own; SleepSeconds
	// below 0 means never.
	TTLSeconds            *int64   `json:"ttl_s,omitempty"`
	SleepSeconds          *int64   `json:"sleep_s,omitempty"`
	Submodules            *bool    `json:"submodules,omitempty"`
	LFS                   *bool    `json:"lfs,omitempty"`
	MaxEnvironments       *int     `json:"max_environments,omitempty"`
	MaxCPUs               *float64 `json:"max_cpus,omitempty"`
	MaxMemoryBytes        *int64   `json:"max_memory_bytes,omitempty"`
	BuildTimeoutSeconds   *int64   `json:"build_timeout_s,omitempty"`
	ReleaseTimeoutSeconds *int64   `json:"release_timeout_s,omitempty"`
	Forge
}
