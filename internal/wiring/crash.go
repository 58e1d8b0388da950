package wiring

import (
	"context"

	"offshoot/internal/platform"
)

// watchWorkloads looks at an environment as soon as something of it crashed or
// stands again.
func (s *server) watchWorkloads(ctx context.Context, p platform.Watcher) {
	if err := p.Watch(ctx, s.engine.Kick); err != nil && ctx.Err() == nil {
		s.log.Warn("watch what runs", "error", err)
	}
}
