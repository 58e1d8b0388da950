package wire

import "offshoot/internal/staging"

// NotBuilt refuses what a later build brings, nil where nothing of it is asked
// for.
func (r CreateEnvironment) NotBuilt() error {
	switch {
	case r.Lite:
		return staging.NotBuilt("create --lite")
	case r.FromMoment != "":
		return staging.NotBuilt("create --from-moment")
	}
	return nil
}

// NotBuilt is like CreateEnvironment's.
func (f Forge) NotBuilt() error {
	if f.Kind+f.URL != "" {
		return staging.NotBuilt("a forge")
	}
	return nil
}

// Forge is where a project's pull requests are.
type Forge struct {
	Kind string `json:"forge,omitempty"`
	URL  string `json:"forge_url,omitempty"`
}
