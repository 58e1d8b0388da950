package wire

// Runtime is a server or client that the process platform can run.
type Runtime struct {
	// Kind is postgres, redis, psql or redis-cli.
	Kind    string `json:"kind"`
	Major   string `json:"major"`
	Version string `json:"version"`
	// Name is what the program calls itself.
	Name string `json:"name"`
	Path string `json:"path"`
	// Origin is host, or fetched into the server's runtime folder.
	Origin string `json:"origin"`
}

// Runtimes are what is there and what InstallRuntime can fetch.
type Runtimes struct {
	List[Runtime]
	Available []string `json:"available"`
}

// InstallRuntime names what is to be fetched: postgres@15, redis, valkey, psql.
type InstallRuntime struct {
	Name string `json:"name"`
}

// RuntimeProgress is a line of the answer to InstallRuntime: what takes time,
// or in the last one what is there, or the problem.
type RuntimeProgress struct {
	Message string   `json:"message,omitempty"`
	Done    int64    `json:"done,omitempty"`
	Total   int64    `json:"total,omitempty"`
	Runtime *Runtime `json:"runtime,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}
