package control

import (
	"context"
	"slices"
	"strings"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// service is what a service's instances do now, also those that it was scaled
// down by and that the ledger says are still to go. Its state is the best of
// theirs: one that runs can serve.
func (s *Service) service(ctx context.Context, env staging.Environment, d staging.Deployment, x staging.Service, ledger []staging.Resource) wire.Service {
	now := d.Options
	now.Scale = env.Desired.Scale
	w := wire.Service{Name: x.Name, State: "stopped", Replicas: now.Replicas(d.Stack, x)}
	if w.Image = x.Image; x.ImageBuild != nil {
		w.Image = "" // a name for what is built, which leads nowhere else
	}
	w.Digest = d.Progress.Images[x.Given].Digest
	if x.Schedule != "" {
		w.State, w.Schedule, w.Enabled = "scheduled", x.Schedule, CronOn(env, x)
		return w
	}
	w.Scheduler, w.Enabled = x.Scheduler, x.Scheduler != "" && x.CronsOn(env.Kind) && w.Replicas > 0
	if x.Off && w.Replicas == 0 {
		w.State = "off"
	}
	if env.Phase == staging.PhaseDestroyed || env.Phase == staging.PhaseAsleep {
		return w
	}
	instance := plan.Name(env.ID, staging.ResourceWorkload, x.Name+"."+d.ID+".")
	d.Options = now
	names := plan.Workloads(&d, x)
	for _, row := range ledger {
		if strings.HasPrefix(row.Name, instance) && !slices.Contains(names, row.Name) {
			names = append(names, row.Name)
		}
	}
	for _, name := range names {
		driver, ok := s.Platforms[env.Platform]
		if !ok {
			break // not in this build
		}
		o, err := driver.Observe(ctx, platform.Ref{Kind: staging.ResourceWorkload, Owner: env.ID, Name: name})
		if o.Presence == staging.Unknown && w.State == "stopped" {
			w.State = "unknown"
		}
		if err != nil || o.Presence != staging.Present || o.Run == staging.RunNone {
			continue
		}
		if o.Run == staging.RunRunning {
			w.Running++
		}
		if w.State == "stopped" || w.State == "unknown" || o.Run == staging.RunRunning {
			w.State = string(o.Run)
		}
		if len(w.LogTail) == 0 && (o.Run == staging.RunRestarting || o.Run == staging.RunFailing || o.Run == staging.RunExited) {
			w.LogTail = s.lastWords(ctx, env, name)
		}
	}
	return w
}

// lastWords are the last lines of a workload that does not stay up, without
// secrets.
func (s *Service) lastWords(ctx context.Context, env staging.Environment, name string) []string {
	logger, ok := s.Platforms[env.Platform].(platform.Logger)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lastWordsLimit)
	defer cancel()
	red := s.Work.Redactor(ctx, env.ID)
	var lines []string
	// Where they cannot be read the state alone is shown.
	_ = logger.Logs(ctx, platform.LogQuery{Owner: env.ID, Names: []string{name}, Tail: lastWordsLines}, func(l platform.LogLine) error {
		lines = append(lines, red.String(strings.ToValidUTF8(string(l.Text), "\uFFFD")))
		return nil
	})
	return lines
}

const (
	lastWordsLines = 10
	lastWordsLimit = 2 * time.Second
)
