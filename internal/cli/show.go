package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func showCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "show ENV", Short: "Show one environment", Example: "  offshoot show .\n  offshoot show staging --json", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := io.environment(c.Context(), io.client(), args[0])
			if err != nil {
				return err
			}
			if io.json {
				io.object(v)
				return nil
			}
			io.show(v)
			return nil
		},
	}
}

// sheet is a list of named lines; a name is shown once for all of its lines.
type sheet struct {
	s    *stdio
	last string
}

func (t *sheet) line(name, format string, args ...any) {
	shown := name
	if name == t.last {
		shown = ""
	}
	t.last = name
	_, _ = fmt.Fprintln(t.s.out, strings.TrimRight(fmt.Sprintf("  %-11s "+format, append([]any{shown}, args...)...), " "))
}

// show is an environment for people: what it is and where, what it is made of,
// and, when it is not well, why and what to do.
func (s *stdio) show(v wire.Environment) {
	t := &sheet{s: s}
	_, _ = fmt.Fprintf(s.out, "%s %s  %s\n", v.Project, v.Branch, phaseText(v))
	t.line("url", "%s", v.URL)
	for _, name := range slices.Sorted(maps.Keys(v.URLs)) {
		if v.URLs[name] != v.URL {
			t.line("url", "%s  (%s)", v.URLs[name], name)
		}
	}
	t.line("id", "%s  (%s, %s, %s)", v.ID, v.Kind, v.Size, v.Platform)
	s.showRevision(t, v)
	t.line("created", "%s by %s", ago(v.CreatedAt), v.CreatedBy)
	t.line("active", "%s", ago(v.LastActivityAt))
	if e := expiry(v); e != "-" {
		t.line("expires", "%s", e)
	}
	for _, x := range v.Services {
		t.line("services", "%s: %s", x.Name, serviceState(x))
		if g, ok := given(v, x); ok {
			t.line("", "  runs %s  %s", g.Ref, g.Digest)
		}
		for _, words := range x.LogTail {
			t.line("", "  | %s", words)
		}
	}
	for _, d := range v.Data {
		t.line("data", "%s", dataLine(d))
		if d.Ahead != nil {
			t.line("data", "  warning: %s", d.Ahead)
		}
	}
	for _, l := range v.Links {
		t.line("links", "%s", linkLine(l))
	}
	if n := v.MailCount; n != nil && *n > 0 {
		t.line("mail", "%d caught: offshoot mail ls %s", *n, v.Branch)
	}
	for _, x := range v.Blocked {
		t.line("blocked", "%s", blockedLine(x))
	}
	for _, n := range v.Notes {
		if n.Kind == staging.NoteRewrite {
			t.line("rewritten", "%s", n.Message)
		}
	}
	s.showDeployment(t, v.Deployment)
	if v.Failure != nil {
		_, _ = fmt.Fprintln(s.out)
		writeFailure(s.out, v.Failure)
	}
}

func phaseText(v wire.Environment) string {
	if v.Reason != "" {
		return v.Phase + ": " + v.Reason
	}
	return v.Phase
}

func (s *stdio) showRevision(t *sheet, v wire.Environment) {
	text := human.Revision(v.Revision.Desired)
	if v.Revision.Message != "" {
		text += "  " + v.Revision.Message
	}
	if v.Revision.Author != "" {
		text += "  (" + v.Revision.Author
		if v.Revision.CommittedAt != nil {
			text += ", " + ago(*v.Revision.CommittedAt)
		}
		text += ")"
	}
	t.line("revision", "%s", text)
	for _, j := range v.Revision.Joined {
		t.line("joined", "%s  %s (%s)", human.Revision(j.ID), j.Folder, j.Branch)
	}
	switch d := v.Revision.Deployed; {
	case d == nil && v.Phase != string(staging.PhaseDestroyed):
		t.line("serves", "nothing")
	case d != nil && *d != v.Revision.Desired:
		t.line("serves", "%s", human.Revision(*d))
	}
}

func (s *stdio) showDeployment(t *sheet, d *wire.Deployment) {
	if d == nil {
		return
	}
	how := "in"
	if d.Outcome == string(staging.OutcomeRunning) {
		how = "for"
	}
	t.line("deployment", "%s %s %s %s, %s, %s", d.ID, d.Outcome, how, human.Took(d.TotalMS), d.Cause, ago(d.StartedAt))
	for _, st := range d.Steps {
		took := ""
		if st.State == string(staging.StepDone) || st.State == string(staging.StepFailed) {
			took = human.Took(st.DurationMS)
		}
		t.line("deployment", "  %-12s %-8s %9s  %s", st.Name, st.State, took, st.Detail)
	}
}

func serviceState(x wire.Service) string {
	switch {
	case x.Schedule != "" && x.Enabled:
		return "runs at " + x.Schedule
	case x.Schedule != "":
		return "cron job, off here (" + x.Schedule + "): offshoot cron run runs it once"
	case x.State == "off":
		return "starts jobs by the clock, off here (" + x.Scheduler + "): offshoot scale turns it on"
	case x.Replicas != 1:
		return fmt.Sprintf("%s, %d of %d run", x.State, x.Running, x.Replicas)
	}
	return x.State
}

// given is the image that a service was given.
func given(v wire.Environment, x wire.Service) (wire.Image, bool) {
	if v.Deployment == nil {
		return wire.Image{}, false
	}
	g, ok := v.Deployment.Images[x.Name]
	return g, ok && g.Ref == x.Image
}

// blockedLine is what an environment tried to reach.
func blockedLine(x wire.Blocked) string {
	what := x.Host + " (" + x.Protocol + ")"
	switch {
	case x.Protocol == "dns":
		what = x.Host + " (its name)"
	case x.Port > 0:
		what = fmt.Sprintf("%s:%d (%s)", x.Host, x.Port, x.Protocol)
	}
	return fmt.Sprintf("%s, tried %d×, last %s", what, x.Count, ago(x.LastAt))
}

func linkLine(l wire.Link) string {
	way := "set here"
	if l.Default {
		way = "by default"
	}
	if l.State == wire.LinkUndeclared {
		return l.Name + ": not declared by the stack (set here)"
	}
	return fmt.Sprintf("%s: %s (%s, %s)", l.Name, first(l.URL, "nowhere"), l.State, way)
}
