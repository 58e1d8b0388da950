package wiring

import (
	"context"

	"offshoot/internal/datastore"
	"offshoot/internal/datastore/redis"
	"offshoot/internal/datastore/volume"
	"offshoot/internal/platform"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
)

// onProcesses is the name of the platform that needs nothing but this program.
const onProcesses = "process"

// grounds are the platforms, with who owns data on each.
func (s *server) grounds() map[string]reconcile.Ground {
	return map[string]reconcile.Ground{
		onProcesses: {Platform: s.processes, Data: map[string]datastore.Driver{"volume": volume.New(), "redis": redis.New(s.runtime), "postgres": s.clusters}},
	}
}

func platforms(grounds map[string]reconcile.Ground) map[string]platform.Driver {
	all := map[string]platform.Driver{}
	for name, g := range grounds {
		all[name] = g.Platform
	}
	return all
}

// suits is where a revision can run whole.
func (s *server) suits(context.Context, staging.Project, string) (string, error) {
	return onProcesses, nil
}
