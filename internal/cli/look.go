package cli

import (
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func lsCommand(io *stdio) *cobra.Command {
	var all bool
	var phase, branch string
	c := &cobra.Command{
		Use:     "ls",
		Short:   "List environments",
		Example: "  offshoot ls --phase ready\n  offshoot ls --all --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client := io.client()
			project := ""
			if !all {
				var err error
				if project, err = io.guessProject(c.Context(), client); err != nil {
					return err
				}
			}
			v, err := client.Environments(c.Context(), project, all)
			if err != nil {
				return err
			}
			kept := []wire.Environment{}
			for _, e := range v.Items {
				match, err := path.Match(branch, e.Branch)
				if err != nil {
					return staging.Errorf(staging.CodeUsage, "for example --branch 'feature/*'", "pattern %q: %w", branch, err)
				}
				if (phase == "" || e.Phase == phase) && (branch == "" || match) {
					kept = append(kept, e)
				}
			}
			v.Items = kept
			if io.json {
				io.object(v)
				return nil
			}
			t := tabwriter.NewWriter(io.out, 0, 4, 2, ' ', 0)
			_, _ = fmt.Fprintln(t, "PROJECT\tBRANCH\tPHASE\tREVISION\tAGE\tURL")
			for _, e := range v.Items {
				_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%.10s\t%s\t%s\n", e.Project, e.Branch, e.Phase, e.Revision.Desired, time.Since(e.CreatedAt).Round(time.Second), e.URL)
			}
			return t.Flush()
		},
	}
	c.Flags().BoolVar(&all, "all", false, "of every project, destroyed ones too")
	c.Flags().StringVar(&phase, "phase", "", "only those in this phase")
	c.Flags().StringVar(&branch, "branch", "", "only branches that match this pattern")
	return c
}

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

func (s *stdio) show(v wire.Environment) {
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(s.out, "%-12s "+format+"\n", append([]any{name}, args...)...)
	}
	line(v.Branch, "%s  (%s)", v.Phase, v.ID)
	if v.Reason != "" {
		line("reason", "%s", v.Reason)
	}
	line("url", "%s", v.URL)
	for name, u := range v.URLs {
		if u != v.URL {
			line("  "+name, "%s", u)
		}
	}
	line("revision", "%.10s %s (%s)", v.Revision.Desired, v.Revision.Message, v.Revision.Author)
	if v.ExpiresAt != nil {
		line("expires", "%s", v.ExpiresAt.Format(time.RFC3339))
	}
	for _, x := range v.Services {
		line("service", "%s: %s", x.Name, serviceState(x))
	}
	for _, l := range v.Links {
		s.link(l)
	}
	for _, d := range v.Data {
		line("data", "%s", dataLine(d))
		if d.Ahead != nil {
			line("", "warning: %s", d.Ahead)
		}
	}
	for _, n := range v.Notes {
		if n.Kind == staging.NoteRewrite {
			line("rewritten", "%s", n.Message)
		}
	}
	if v.Deployment != nil {
		line("deployment", "%s %s in %d ms", v.Deployment.ID, v.Deployment.Outcome, v.Deployment.TotalMS)
		for _, st := range v.Deployment.Steps {
			line("", "%-9s %-8s %6d ms", st.Name, st.State, st.DurationMS)
		}
	}
	if v.Failure != nil {
		s.failure(v.Failure)
	}
}

// serviceState is one service in a few words.
func serviceState(x wire.Service) string {
	switch {
	case x.Schedule != "" && x.Enabled:
		return "runs at " + x.Schedule
	case x.Schedule != "":
		return "cron job, off here (" + x.Schedule + "): offshoot cron run runs it once"
	case x.Replicas != 1:
		return fmt.Sprintf("%s, %d of %d run", x.State, x.Running, x.Replicas)
	}
	return x.State
}

func (s *stdio) link(l wire.Link) {
	to := l.URL
	if to == "" {
		to = "nowhere"
	}
	way := "set here"
	if l.Default {
		way = "by default"
	}
	_, _ = fmt.Fprintf(s.out, "%-12s %s: %s (%s, %s)\n", "link", l.Name, to, l.State, way)
}

func urlCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "url ENV", Short: "Print an environment's URL", Example: "  offshoot url .", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := io.environment(c.Context(), io.client(), args[0])
			if err != nil {
				return err
			}
			if io.json {
				io.object(map[string]any{"url": v.URL, "urls": v.URLs})
				return nil
			}
			_, err = fmt.Fprintln(io.out, v.URL)
			return err
		},
	}
}

func eventsCommand(io *stdio) *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use: "events [ENV]", Short: "Show what happened", Example: "  offshoot events -f", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			client := io.client()
			id := ""
			if len(args) > 0 {
				v, err := io.environment(ctx, client, args[0])
				if err != nil {
					return err
				}
				id = v.ID
			}
			all := wire.List[staging.Event]{Items: []staging.Event{}}
			var after int64
			for {
				wait := time.Duration(0)
				if follow {
					wait = eventWait
				}
				page, err := client.Events(ctx, after, id, wait)
				if err != nil {
					return err
				}
				for _, e := range page.Items {
					after = e.Seq
					if io.json {
						all.Items = append(all.Items, e)
						continue
					}
					_, _ = fmt.Fprintf(io.out, "%s  %-24s %s  %s\n", e.At.Format(time.RFC3339), e.Type, e.Actor, e.Message)
				}
				if len(page.Items) == 0 && !follow {
					break
				}
			}
			if io.json {
				io.object(all)
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until interrupted")
	return c
}

func waitCommand(io *stdio) *cobra.Command {
	var phase string
	c := &cobra.Command{
		Use: "wait ENV", Short: "Wait until an environment rests, or reaches a phase", Example: "  offshoot wait . --for ready", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			client := io.client()
			v, err := io.environment(ctx, client, args[0])
			if err != nil {
				return err
			}
			resting := map[string]bool{"ready": true, "degraded": true, "asleep": true, "failed": true, "destroyed": true}
			v, err = io.until(ctx, client, v.ID, func(v wire.Environment) bool { return v.Phase == phase || phase == "" && resting[v.Phase] })
			if err != nil {
				return err
			}
			if io.json {
				io.object(v)
				return nil
			}
			_, err = fmt.Fprintln(io.out, v.Phase)
			return err
		},
	}
	c.Flags().StringVar(&phase, "for", "", "a phase such as ready")
	c.Flags().DurationVar(&io.wait.timeout, "timeout", 10*time.Minute, "how long to wait")
	return c
}

func logsCommand(io *stdio) *cobra.Command {
	var follow, previous bool
	var tail int
	var since time.Duration
	var step string
	c := &cobra.Command{
		Use: "logs ENV [SERVICE]", Short: "Show what services wrote", Example: "  offshoot logs . web -f\n  offshoot logs . --step build", Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if previous {
				return staging.NotBuilt("--previous")
			}
			ctx := c.Context()
			client := io.client()
			v, err := io.environment(ctx, client, args[0])
			if err != nil {
				return err
			}
			q := url.Values{"follow": {strconv.FormatBool(follow)}, "step": {step}}
			if len(args) > 1 {
				q.Set("service", args[1])
			}
			if tail >= 0 {
				q.Set("tail", strconv.Itoa(tail))
			}
			if since > 0 {
				q.Set("since", time.Now().Add(-since).Format(time.RFC3339Nano))
			}
			lines := wire.List[wire.LogLine]{Items: []wire.LogLine{}}
			err = client.Logs(ctx, v.ID, q, func(l wire.LogLine) error {
				if io.json {
					lines.Items = append(lines.Items, l)
					return nil
				}
				_, err := fmt.Fprintf(io.out, "%s %-8s %s\n", l.At.Format("15:04:05.000"), l.Service, strings.TrimRight(l.Text, "\r"))
				return err
			})
			if io.json && err == nil {
				io.object(lines)
			}
			return err
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until interrupted")
	c.Flags().BoolVar(&previous, "previous", false, "of the instance before")
	c.Flags().IntVar(&tail, "tail", -1, "only the last lines")
	c.Flags().DurationVar(&since, "since", 0, "only lines of the last while (10m)")
	c.Flags().StringVar(&step, "step", "", "build or release")
	return c
}

func statusCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the server's health", Example: "  offshoot status --json", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := io.client().Status(c.Context())
			if err != nil {
				return err
			}
			if io.json {
				io.object(v)
			} else {
				_, _ = fmt.Fprintf(io.out, "offshoot %s, ready: %t, disk free: %d GB\n", v.Version, v.Ready, v.Capacity.DiskFreeBytes>>30)
				for phase, n := range v.Environments {
					_, _ = fmt.Fprintf(io.out, "%4d %s\n", n, phase)
				}
			}
			if v.Late {
				return &reported{1}
			}
			return nil
		},
	}
}
