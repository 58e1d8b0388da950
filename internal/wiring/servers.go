package wiring

import (
	"context"
	"path/filepath"

	"offshoot/internal/datastore"
	"offshoot/internal/engine"
	"offshoot/internal/wire"
)

// servers says to the API what engines there are.
type servers struct{ runtime *engine.Runtime }

func (s servers) Runtimes(ctx context.Context) (wire.Runtimes, error) {
	v := wire.Runtimes{List: wire.List[wire.Runtime]{Items: []wire.Runtime{}}, Available: engine.Available()}
	for _, kind := range engine.Kinds() {
		all, err := s.runtime.List(ctx, kind)
		if err != nil {
			return v, err
		}
		for _, e := range all {
			v.Items = append(v.Items, s.wire(e))
		}
	}
	return v, nil
}

func (s servers) Install(ctx context.Context, name string, tell func(wire.RuntimeProgress)) (wire.Runtime, error) {
	e, err := s.runtime.Install(ctx, name, func(what string, done, total int64) {
		tell(wire.RuntimeProgress{Message: what, Done: done, Total: total})
	})
	if err != nil {
		return wire.Runtime{}, err
	}
	return s.wire(e), nil
}

func (s servers) wire(e datastore.Engine) wire.Runtime {
	origin := "host"
	if s.runtime.Fetched(e) {
		origin = "fetched"
	}
	return wire.Runtime{Kind: e.Kind, Major: e.Major, Version: e.Version, Name: e.Name, Path: filepath.Join(e.Bin, e.Program), Origin: origin}
}
