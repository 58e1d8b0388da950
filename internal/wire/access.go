package wire

import "time"

// Token is a key to the API, without its secret.
type Token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	Project   string     `json:"project"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt *time.Time `json:"expires_at"`
	Expired   bool       `json:"expired"`
}

// CreateToken asks for a token. Role is viewer where it is not given, Project
// "" sees all, ExpiresSeconds 0 never expires.
type CreateToken struct {
	Name           string `json:"name,omitempty"`
	Role           string `json:"role,omitempty" enum:"viewer,tester,developer,admin"`
	Project        string `json:"project,omitempty"`
	ExpiresSeconds int64  `json:"expires_s,omitempty" minimum:"0"`
}

// NewToken is a token with its secret, which is shown this once.
type NewToken struct {
	Token
	Secret string `json:"token"`
}

// Whoami is who a token says one is; Server is the server's version.
type Whoami struct {
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	Project   string     `json:"project"`
	ExpiresAt *time.Time `json:"expires_at"`
	Server    string     `json:"server"`
}

// SignInLink is where a browser signs in, once.
type SignInLink struct {
	Path      string    `json:"path"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Credential is a project's key to the world outside, without what it is.
type Credential struct {
	Kind string `json:"kind"`
	// User is the name that goes with it, "" for the usual one.
	User string `json:"user"`
	// Host is the registry's.
	Host string `json:"host,omitempty"`
}

// SetCredential asks to keep a credential; "" removes it. Secret is a password
// or token for https, a private key for ssh.
type SetCredential struct {
	Kind   string `json:"kind" enum:"git,forge,webhook,registry"`
	User   string `json:"user,omitempty"`
	Secret string `json:"secret"`
	// KnownHosts are lines of a known_hosts file, for ssh.
	KnownHosts string `json:"known_hosts,omitempty"`
	// Host is the registry's that a password is for, "" for docker.io, or for all
	// where one is removed.
	Host string `json:"host,omitempty"`
}

// Run asks for a command to be run to its end: Client is psql or redis-cli in
// the datastore Data; Beside runs it in the running service.
type Run struct {
	Service string   `json:"service,omitempty"`
	Beside  bool     `json:"beside,omitempty"`
	Client  string   `json:"client,omitempty"`
	Data    string   `json:"data,omitempty"`
	Command []string `json:"command,omitempty"`
	Stdin   string   `json:"stdin,omitempty"`
}

// RunResult is how a command ended; Truncated says that it wrote more.
type RunResult struct {
	ExitCode  int    `json:"exit_code"`
	Stdout    string `json:"stdout"`
	Stderr    string `json:"stderr"`
	Truncated bool   `json:"truncated"`
}
