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
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Options say how to show it.
type Options struct {
	// Once checks both sites, cleans up and ends; else it runs until ctx ends.
	Once bool
	// Example is the folder of the shop's sources.
	Example string
	// Cache is where everything is kept; what was built once stays there.
	Cache string
	Out   io.Writer
	// Serve runs a server with its data in dir until ctx ends, and calls ready
	// with its addresses and token.
	Serve func(ctx context.Context, dir, listen, edge string, ready func(api, edge, token string)) error
}

const (
	project = "shop"
	feature = "feature/new_cool_page"
	// firstTime bounds everything, the download of modules too.
	firstTime = 20 * time.Minute
	cleanUp   = 2 * time.Minute
)

// Run shows the demo.
func Run(ctx context.Context, o Options) error {
	repo := filepath.Join(o.Cache, "repository")
	o.say("making the repository of a small shop")
	if err := makeRepository(ctx, o.Example, repo); err != nil {
		return err
	}
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
	show, cancel := context.WithTimeout(ctx, firstTime)
	err := o.show(show, c, repo, at.edge)
	cancel()
	if err == nil && !o.Once {
		o.say("press Ctrl-C to end; nothing will be left running")
		<-ctx.Done()
	}
	o.say("cleaning up")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	err = errors.Join(err, o.remove(last, c))
	stop()
	return errors.Join(err, <-ended)
}

func (o Options) say(format string, args ...any) { _, _ = fmt.Fprintf(o.Out, format+"\n", args...) }

// free is the address, or one with any free port where that is taken.
func free(address string) string {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return address
}

func (o Options) show(ctx context.Context, c *apiclient.Client, repo, edge string) error {
	if err := o.remove(ctx, c); err != nil { // what a demo left that was killed
		return err
	}
	if _, err := c.AddProject(ctx, wire.AddProject{Name: project, Repo: repo}); err != nil {
		return err
	}
	o.say("creating shared staging from main (the first build downloads modules)")
	shared, err := o.create(ctx, c, "main")
	if err != nil {
		return err
	}
	o.say("creating an environment for %s", feature)
	branch, err := o.create(ctx, c, feature)
	if err != nil {
		return err
	}
	for _, site := range []struct{ url, text string }{{shared.URL, "Fieldhouse"}, {branch.URL, "hand made"}} {
		if err := visit(ctx, edge, site.url, site.text); err != nil {
			return err
		}
	}
	o.say("\nshared staging\n%s\n%s\n%s\nthe server\n%s\n", shared.URL, feature, branch.URL, c.Base)
	for _, e := range []wire.Environment{shared, branch} {
		o.say("%s: %d ms", e.Branch, e.Deployment.TotalMS)
		for _, s := range e.Deployment.Steps {
			o.say("  %-9s %-8s %6d ms", s.Name, s.State, s.DurationMS)
		}
	}
	data := filepath.Join(o.Cache, "data")
	o.say("\nnext, in another terminal:\n  export OFFSHOOT_SERVER=%s OFFSHOOT_DATA_DIR='%s'\n  cd '%s'\n  bin/offshoot ls\n  bin/offshoot logs %s -f\n  bin/offshoot sleep %s",
		c.Base, data, repo, feature, feature)
	return nil
}

// create makes an environment and waits for it by its events.
func (o Options) create(ctx context.Context, c *apiclient.Client, branch string) (wire.Environment, error) {
	v, err := c.Create(ctx, project, wire.CreateEnvironment{Branch: branch})
	return o.until(ctx, c, v, err, func(v wire.Environment) (bool, error) {
		if v.Deployment == nil || v.Deployment.Outcome == string(staging.OutcomeRunning) {
			return false, nil
		}
		if v.Deployment.Outcome != string(staging.OutcomeSucceeded) && v.Failure != nil {
			for _, l := range v.Failure.LogTail {
				o.say("  | %s", l)
			}
			return true, &staging.Error{Code: staging.ClassCode(v.Failure.Class), Message: branch + ": " + v.Failure.Message, Hint: v.Failure.Hint}
		}
		return true, nil
	})
}

func (o Options) until(ctx context.Context, c *apiclient.Client, v wire.Environment, err error, enough func(wire.Environment) (bool, error)) (wire.Environment, error) {
	var after int64
	for err == nil {
		done := false
		if done, err = enough(v); done || err != nil {
			break
		}
		var events wire.List[staging.Event]
		if events, err = c.Events(ctx, after, v.ID, 20*time.Second); err == nil {
			if n := len(events.Items); n > 0 {
				after = events.Items[n-1].Seq
			}
			v, err = c.Environment(ctx, v.ID)
		}
	}
	return v, err
}

// remove destroys all that the demo made, and sees it gone.
func (o Options) remove(ctx context.Context, c *apiclient.Client) error {
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
		if _, err = o.until(ctx, c, v, err, func(v wire.Environment) (bool, error) { return v.Phase == string(staging.PhaseDestroyed), nil }); err != nil {
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

// visit asks a site as a browser would, and looks for a text in its page.
func visit(ctx context.Context, edge, site, text string) error {
	u, err := url.Parse(site)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, edge+"/", nil)
	if err != nil {
		return err
	}
	r.Host = u.Host
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), text) {
		return fmt.Errorf("%s answers %s without %q", site, resp.Status, text)
	}
	return nil
}

// Cache is the demo's folder below the user's cache.
func Cache() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "offshoot", "demo"), err
}
