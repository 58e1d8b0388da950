// Package demo shows the product on a machine that has never seen it: a real
// server, a small shop with real data, its shared staging and one feature
// branch with a migration.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Options say how to show it.
type Options struct {
	// Once checks both sites, cleans up and ends; else it runs until ctx ends.
	Once bool
	// Examples is the folder of the shop's sources and the branch's patches.
	Examples string
	// Cache is where everything is kept; what was built once stays there.
	Cache string
	// Out gets the addresses and the timeline, Err what goes on meanwhile.
	Out, Err io.Writer
	// Serve runs a server with its data in dir until ctx ends, and calls ready
	// with its addresses and token.
	Serve func(ctx context.Context, dir, listen, edge string, ready func(api, edge, token string)) error
}

const (
	project = "shop"
	feature = "feature/new_cool_page"
	// firstTime bounds everything, the downloads and the first build too.
	firstTime = 20 * time.Minute
	cleanUp   = 2 * time.Minute
	// remind is how often what takes long is said to go on.
	remind = 10 * time.Second
)

// Cache is the demo's folder below the user's cache.
func Cache() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "offshoot", "demo"), err
}

// Run shows the demo. Nothing runs any more when it returns, also where ctx
// has ended meanwhile; then its error is the context's.
func Run(ctx context.Context, o Options) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	type address struct{ api, edge, token string }
	ready := make(chan address, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- o.Serve(serving, filepath.Join(o.Cache, "data"), free("127.0.0.1:7070"), free("127.0.0.1:8080"),
			func(api, edge, token string) { ready <- address{api, edge, token} })
	}()
	var at address
	select {
	case err := <-ended:
		return err
	case at = <-ready:
	}
	c := &apiclient.Client{Base: at.api, Token: at.token, HTTP: &http.Client{}}
	s := show{Options: o, client: c, edge: at.edge, repo: filepath.Join(o.Cache, "repository")}
	first, cancel := context.WithTimeout(ctx, firstTime)
	err := s.run(first)
	cancel()
	if err == nil && !o.Once {
		o.say("press Ctrl-C to end; nothing will be left running")
		<-ctx.Done()
	}
	o.say("cleaning up")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	removed := remove(last, c)
	stop()
	if left := errors.Join(removed, <-ended); left != nil {
		return left
	}
	return err
}

// say tells what goes on.
func (o Options) say(format string, args ...any) { _, _ = fmt.Fprintf(o.Err, format+"\n", args...) }

// free is the address, or one with any free port where that is taken.
func free(address string) string {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return address
}

// remove destroys all that the demo made, and sees it gone.
func remove(ctx context.Context, c *apiclient.Client) error {
	if _, err := c.Project(ctx, project); staging.CodeOf(err) == staging.CodeNotFound {
		return nil
	} else if err != nil {
		return err
	}
	list, err := c.Environments(ctx, project, false)
	if err != nil {
		return err
	}
	for _, e := range list.Items {
		v, err := c.Destroy(ctx, e.ID, project)
		if _, err = until(ctx, c, v, err, func(v wire.Environment) (bool, error) { return v.Phase == string(staging.PhaseDestroyed), nil }); err != nil {
			return err
		}
	}
	snapshots, err := c.Snapshots(ctx, project)
	if err != nil {
		return err
	}
	for _, s := range snapshots.Items {
		if err := c.RemoveSnapshot(ctx, s.ID); err != nil {
			return err
		}
	}
	return c.RemoveProject(ctx, project)
}

// until looks at an environment after each of its events.
func until(ctx context.Context, c *apiclient.Client, v wire.Environment, err error, enough func(wire.Environment) (bool, error)) (wire.Environment, error) {
	var after int64
	for err == nil {
		var done bool
		if done, err = enough(v); done || err != nil {
			break
		}
		var events wire.List[staging.Event]
		if events, err = c.Events(ctx, apiclient.EventFilter{After: after, Environment: v.ID}, remind); err == nil {
			if n := len(events.Items); n > 0 {
				after = events.Items[n-1].Seq
			}
			v, err = c.Environment(ctx, v.ID)
		}
	}
	return v, err
}
