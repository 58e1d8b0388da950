package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// jobLimit is how long one run of a cron job may take.
const jobLimit = time.Hour

// RunJob runs a cron job of an awake environment once, to its end, and answers
// its exit code. What it writes is in the environment's log, and goes line by
// line to tell. A job that runs already is a conflict. When ctx ends the run is
// ended too, unless the server stops: then it goes on.
func (e *Engine) RunJob(ctx context.Context, environment, job string, tell func(platform.LogLine) error) (int, error) {
	a, v, dep, err := e.standing(ctx, environment)
	if err != nil {
		return 0, err
	}
	service, ok := dep.Stack.Service(job)
	if !ok || service.Schedule == "" {
		return 0, staging.NotFound("offshoot show lists them", "there is no cron job %q", job)
	}
	spec, vars, err := a.base(ctx, v, dep, service)
	if err != nil {
		return 0, err
	}
	spec.Role, spec.Timeout = staging.RoleTask, jobLimit
	command, arguments := a.command(service)
	spec.Command, spec.Arguments = vars.Command(command, spec.Env), arguments
	row, err := a.beginJob(ctx, v, plan.JobName(dep, job), hash(spec))
	if err != nil {
		return 0, err
	}
	defer a.mem.session(row.Name, false)
	o, err := a.Platform.Apply(ctx, platform.Resource{Kind: row.Kind, Name: row.Name, Owner: row.Owner, SpecHash: row.SpecHash, Workload: &spec})
	if err == nil {
		o, err = a.followJob(ctx, row, o, tell)
	}
	if e.ctx.Err() != nil {
		return 0, e.ctx.Err()
	}
	if end := a.endJob(context.WithoutCancel(ctx), v.Environment, row, job, o); err == nil {
		err = end
	}
	switch {
	case err != nil:
		return 0, err
	case o.ExitCode == nil:
		return 0, staging.Errorf(staging.CodeCancelled, "offshoot cron run "+v.Environment.Slug+" "+job, "%s was cut off: its environment sleeps, goes, or was deployed anew", job)
	}
	return *o.ExitCode, nil
}

// beginJob writes the row of a run, unless one of the same job runs.
func (a *actor) beginJob(ctx context.Context, v *view, prefix, spec string) (staging.Resource, error) {
	row := staging.Resource{Name: prefix + staging.NewID("r")[2:], Kind: staging.ResourceTask, Driver: a.Platform.Traits().Name, Owner: a.id, Project: v.project.Name,
		SpecHash: spec, State: staging.ResourcePresent, CreatedAt: a.Now()}
	a.mem.session(row.Name, true)
	err := a.Store.Write(ctx, func(w Writer) error {
		if _, err := a.fence(ctx, w, v); err != nil {
			return err
		}
		rows, err := w.Resources(ctx, a.id)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rows, func(r staging.Resource) bool { return strings.HasPrefix(r.Name, prefix) }) {
			return staging.Errorf(staging.CodeConflict, "wait until it has ended", "a run of this job is under way")
		}
		return w.PutResource(ctx, row)
	})
	if err != nil {
		a.mem.session(row.Name, false)
	}
	if errors.Is(err, errStale) {
		err = staging.Errorf(staging.CodeConflict, "try again", "the environment is being changed")
	}
	return row, err
}

// followJob waits for a run's end and tells what it writes meanwhile.
func (a *actor) followJob(ctx context.Context, row staging.Resource, o staging.Observation, tell func(platform.LogLine) error) (staging.Observation, error) {
	told := 0
	catchUp := func() error {
		logger, ok := a.Platform.(platform.Logger)
		if !ok {
			return nil
		}
		n := 0
		return logger.Logs(ctx, platform.LogQuery{Owner: a.id, Names: []string{row.Name}, Tail: -1}, func(l platform.LogLine) error {
			if n++; n <= told {
				return nil
			}
			told = n
			return tell(l)
		})
	}
	for o.Presence == staging.Present && o.Run != staging.RunExited {
		waited, cancel := context.WithTimeout(ctx, time.Second)
		next, err := a.Platform.Wait(waited, ref(row), o)
		cancel()
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return o, err
		}
		if err == nil {
			o = next
		}
		if err := catchUp(); err != nil {
			return o, err
		}
	}
	return o, catchUp()
}

// endJob takes a run away and says how it ended; its log stays.
func (a *actor) endJob(ctx context.Context, env staging.Environment, row staging.Resource, job string, o staging.Observation) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := a.Platform.Delete(ctx, ref(row)); err != nil {
		return fmt.Errorf("end %s: %w", row.Name, err) // the row stays: the planner deletes it
	}
	return a.Store.Write(ctx, func(w Writer) error {
		if o.ExitCode != nil {
			if err := a.event(ctx, w, env, "cron.ended", fmt.Sprintf("cron job %s ended with %d", job, *o.ExitCode)); err != nil {
				return err
			}
		}
		return w.DeleteResource(ctx, row.Name)
	})
}

// standing is what an environment serves now, for what runs beside it.
func (e *Engine) standing(ctx context.Context, environment string) (*actor, *view, *staging.Deployment, error) {
	env, err := e.Store.Environment(ctx, environment)
	if err != nil {
		return nil, nil, nil, err
	}
	if env.Deployed.Deployment == "" {
		return nil, nil, nil, staging.Refused("offshoot show "+env.Slug, "nothing is deployed in %s", env.Slug)
	}
	dep, err := e.Store.Deployment(ctx, env.Deployed.Deployment)
	if err != nil {
		return nil, nil, nil, err
	}
	dep.Options.Scale = env.Desired.Scale
	project, err := e.Store.Project(ctx, env.Project)
	if err != nil {
		return nil, nil, nil, err
	}
	on, err := e.ground(env)
	return newActor(e, env.ID, e.remembered(env.ID), on), &view{Input: plan.Input{Environment: env}, project: project}, &dep, err
}
