package reconcile

import (
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// ground is what an environment stands on.
func (e *Engine) ground(env staging.Environment) (Ground, error) {
	g, ok := e.Grounds[env.Platform]
	if !ok {
		return g, staging.NotBuilt("the platform " + env.Platform)
	}
	return g, nil
}

// by is the platform that a row's thing was made by: the one that an environment
// stands on may be another for its successor.
func (a *actor) by(row staging.Resource) platform.Driver {
	if g, ok := a.Grounds[row.Driver]; ok {
		return g.Platform
	}
	return a.Platform // it was found there
}
