package control

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// Attached is a person's end of a session.
type Attached struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Resize         <-chan wire.TerminalSize
}

const (
	// wakeLimit bounds waiting for a sleeping environment.
	wakeLimit = 2 * time.Minute
	// lookAgain is how soon it is looked whether services run: not each of them
	// says so.
	lookAgain = 200 * time.Millisecond
)

// awake wakes an environment and waits until it serves, or until what does not
// come up is known: the rest can be entered.
func (s *Service) awake(ctx context.Context, id string) (staging.Environment, error) {
	env, err := s.live(ctx, id)
	if err != nil {
		return env, err
	}
	ctx, cancel := context.WithTimeout(ctx, wakeLimit)
	defer cancel()
	if err := s.touch(ctx, id); err != nil {
		return env, err
	}
	woken, stop := s.Store.Subscribe()
	defer stop()
	for {
		env, err = s.Store.Environment(ctx, id)
		if err != nil {
			return env, err
		}
		woke := env.Phase != staging.PhaseWaking || env.Reason != ""
		if env.Awake && woke && env.Phase != staging.PhaseAsleep {
			if begun, err := s.begun(ctx, env); begun || err != nil {
				return env, err
			}
		}
		if !env.Awake {
			if err := s.Wake(ctx, id); err != nil {
				return env, err
			}
		}
		select {
		case <-woken:
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return env, staging.Errorf(staging.CodeTimeout, "offshoot show "+env.Slug, "%s did not wake within %s", env.Slug, wakeLimit)
		}
	}
}

// begun is whether what serves was started: one that slept when a deployment
// began is deploying, and says no more of it.
func (s *Service) begun(ctx context.Context, env staging.Environment) (bool, error) {
	if env.Phase != staging.PhaseDeploying || env.Deployed.Deployment == "" {
		return true, nil
	}
	d, err := s.Store.Deployment(ctx, env.Deployed.Deployment)
	if err != nil || d.Stack == nil {
		return true, err
	}
	return !slices.ContainsFunc(d.Stack.Services, func(x staging.Service) bool {
		w := s.service(ctx, env, d, x, nil)
		return w.Replicas > 0 && (w.State == "stopped" || w.State == string(staging.RunStarting))
	}), nil
}

func (s *Service) touch(ctx context.Context, id string) error {
	return s.Store.Write(ctx, func(t *store.Tx) error {
		env, err := t.Environment(ctx, id)
		if err != nil {
			return err
		}
		env.LastActivityAt = s.Now()
		return t.PutEnvironment(ctx, env)
	})
}

// Attach runs a command for a person to its end.
func (s *Service) Attach(ctx context.Context, id string, r wire.Session, at Attached) (int, error) {
	env, err := s.awake(ctx, id)
	if err != nil {
		return 0, err
	}
	defer s.enter(ctx, id)()
	if r.Job != "" {
		return s.runJob(ctx, id, r.Job, at)
	}
	resize := make(chan platform.TerminalSize)
	go func() {
		for {
			select {
			case size := <-at.Resize:
				select {
				case resize <- platform.TerminalSize(size):
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	x := platform.Exec{TTY: r.TTY, Size: platform.TerminalSize(r.Size), Resize: resize, Stdin: at.Stdin, Stdout: at.Stdout, Stderr: at.Stderr}
	return s.Work.Run(ctx, reconcile.Session{Environment: env.ID, Service: r.Service, Beside: r.Beside, Client: r.Client, Data: r.Data, Command: r.Command, IO: x, Term: r.Term})
}

// Tunnel is where a datastore listens. Whoever asks is in the environment until
// leave is called.
func (s *Service) Tunnel(ctx context.Context, id, datastore string) (address string, leave func(), err error) {
	env, err := s.awake(ctx, id)
	if err != nil {
		return "", nil, err
	}
	leave = s.enter(ctx, id)
	if address, err = s.address(ctx, env, datastore); err != nil {
		leave()
	}
	return address, leave, err
}

func (s *Service) address(ctx context.Context, env staging.Environment, datastore string) (string, error) {
	if env.Deployed.Deployment == "" {
		return "", staging.Refused("offshoot show "+env.Slug, "nothing is deployed in %s", env.Slug)
	}
	dep, err := s.Store.Deployment(ctx, env.Deployed.Deployment)
	if err != nil {
		return "", err
	}
	if _, ok := dep.Stack.Datastore(datastore); !ok {
		return "", staging.NotFound("offshoot data show lists them", "there is no datastore %q", datastore)
	}
	driver, ok := s.Platforms[env.Platform]
	if !ok {
		return "", staging.NotBuilt("the platform " + env.Platform)
	}
	o, err := driver.Observe(ctx, platform.Ref{Kind: staging.ResourceEndpoint, Owner: env.ID,
		Name: plan.Name(env.ID, staging.ResourceEndpoint, fmt.Sprintf("data.%s.%d", datastore, plan.DataSet(&dep)))})
	if err == nil && o.Address == "" {
		err = fmt.Errorf("address of %s: %s %s", datastore, o.Presence, o.Reason)
	}
	return o.Address, err
}
