package cli

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/wire"
)

func sweepCommand(io *stdio) *cobra.Command {
	var r wire.SweepRequest
	c := &cobra.Command{
		Use: "sweep", Short: "Run the sweeper now: warn of what nobody uses, destroy what was warned of",
		Long: `Run the sweeper now, and say of each environment what was done and why.

The server sweeps by itself. It warns of an environment a third of its life (a
day at most) before its end, and destroys none that it did not warn of in time.

Where more environments than usual would go at once (5 or a tenth of all within
an hour; 20 or half of all where each was warned of), or where the server's
clock was set, it stops and waits for a person. Look with --dry-run, then let
it go on with --go-on.`,
		Example: "  offshoot sweep --dry-run\n  offshoot sweep --go-on", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r.Project = io.project
			v, err := io.client().Sweep(c.Context(), r)
			if err != nil {
				return err
			}
			if io.json {
				io.object(v)
				return nil
			}
			rows := [][]string{{"ACTION", "PROJECT", "BRANCH", "DUE", "WHY"}}
			for _, x := range v.Items {
				due := "never"
				if x.DueAt != nil {
					due = x.DueAt.Local().Format("2006-01-02 15:04")
				}
				rows = append(rows, []string{string(x.Action), x.Project, x.Branch, due, x.Reason})
			}
			if err := io.columns(rows); err != nil {
				return err
			}
			if v.Halted {
				_, _ = fmt.Fprintf(io.err, "halted: %s\nhint: offshoot sweep --go-on lets it go on\n", v.HaltReason)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "only say what would be done")
	c.Flags().BoolVar(&r.GoOn, "go-on", false, "let go what was halted: you have looked at it")
	c.MarkFlagsMutuallyExclusive("dry-run", "go-on")
	return c
}

func statusCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the server's health: duties, queue and capacity; exit 1 when something is late", Example: "  offshoot status --json", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := io.client().Status(c.Context())
			if err != nil {
				return err
			}
			if io.json {
				io.object(v)
			} else if err := io.status(v); err != nil {
				return err
			}
			if v.Late {
				return &reported{1}
			}
			return nil
		},
	}
}

func (s *stdio) status(v wire.Status) error {
	_, _ = fmt.Fprintf(s.out, "offshoot %s, ready: %t\n", v.Version, v.Ready)
	c := v.Capacity
	_, _ = fmt.Fprintf(s.out, "disk: %d of %d GB free\n", c.DiskFreeBytes>>30, c.DiskTotalBytes>>30)
	if c.Scarce != "" {
		s.under("nothing new is begun: ", c.Scarce, gap)
	}
	for _, phase := range slices.Sorted(maps.Keys(v.Environments)) {
		_, _ = fmt.Fprintf(s.out, "%4d %s\n", v.Environments[phase], phase)
	}
	for _, q := range v.Queue {
		s.under("queued: "+q.Project+" "+q.Branch+": ", q.Reason, gap)
	}
	rows := [][]string{{"DUTY", "LAST RAN", "LAST SUCCEEDED", "DUE", ""}}
	for _, x := range v.Tasks {
		note := x.Problem
		if x.Late {
			note = "LATE " + note
		}
		rows = append(rows, []string{x.Name, at(x.LastRunAt), at(x.LastSuccessAt), at(x.NextAt), note})
	}
	return s.columns(rows)
}

// at is a time as the person's own clock says it.
func at(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
