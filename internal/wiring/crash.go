package wiring

import "context"

// watchWorkloads looks at an environment as soon as something of it crashed or
// stands again.
func (s *server) watchWorkloads(ctx context.Context) {
	if err := s.processes.Watch(ctx, s.engine.Kick); err != nil && ctx.Err() == nil {
		s.log.Warn("watch what runs", "error", err)
	}
}
