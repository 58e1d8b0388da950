package control

import (
	"context"
	"fmt"
	"io"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// CronOn is whether a cron job runs by itself here: everywhere where the stack
// turns it on, and in shared staging.
func CronOn(env staging.Environment, x staging.Service) bool {
	return x.Schedule != "" && (x.ScheduleEnabled || env.Kind == staging.KindShared)
}

// runJob runs a cron job for a person.
func (s *Service) runJob(ctx context.Context, id, job string, at Attached) (int, error) {
	red := s.Work.Redactor(ctx, id)
	code, err := s.Work.RunJob(ctx, id, job, func(l platform.LogLine) error {
		out := map[string]io.Writer{"stderr": at.Stderr}[l.Stream]
		if out == nil {
			out = at.Stdout
		}
		_, err := fmt.Fprintln(out, red.String(string(l.Text)))
		return err
	})
	_ = s.touch(context.WithoutCancel(ctx), id)
	return code, err
}
