package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func destroyCommand(io *stdio) *cobra.Command {
	var yes, abandon bool
	var confirm string
	c := &cobra.Command{
		Use:     "destroy ENV",
		Short:   "Destroy an environment with its data, and see that nothing is left",
		Example: "  offshoot destroy feature/new_cool_page\n  offshoot destroy staging --confirm shop",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if abandon {
				return staging.NotBuilt("--abandon")
			}
			ctx := c.Context()
			client := io.client()
			v, err := io.environment(ctx, client, args[0])
			if err != nil {
				return err
			}
			asks := !yes && confirm == "" && v.Kind != string(staging.KindShared) && io.asks()
			agreed := !asks
			if asks {
				agreed, err = io.agrees(ctx, fmt.Sprintf("Destroy %s of %s with its data?", v.Branch, v.Project))
			}
			if err != nil {
				return err
			}
			if !agreed {
				return staging.Errorf(staging.CodeCancelled, "nothing was changed", "not destroyed")
			}
			io.goesOn = "it goes on: offshoot wait " + v.ID + " --for destroyed watches it"
			if v, err = client.Destroy(ctx, v.ID, confirm); err != nil {
				return err
			}
			var late error
			if io.waits() {
				gone, err := io.until(ctx, client, v.ID, func(v wire.Environment) bool { return v.Phase == string(staging.PhaseDestroyed) })
				if io.subject = nil; err != nil && staging.CodeOf(err) != staging.CodeTimeout {
					return err // the answer is the report, and there is none
				}
				v, late = gone, err
			}
			report, err := removal(ctx, client, v.ID)
			if err != nil {
				return err
			}
			if late != nil {
				io.subject = report
				io.remains(report)
				return late
			}
			if io.json {
				io.object(report)
				return nil
			}
			return io.removed(v, report)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "ask no question")
	c.Flags().StringVar(&confirm, "confirm", "", "the project's name, for a shared environment")
	c.Flags().BoolVar(&abandon, "abandon", false, "give up on what a platform will not remove")
	io.waitFlags(c)
	return c
}

// removal is what was seen gone of an environment, and what is not gone yet.
func removal(ctx context.Context, c *apiclient.Client, id string) (wire.DestroyReport, error) {
	report := wire.DestroyReport{Environment: id, Removed: []wire.Removed{}, Remaining: []wire.Remaining{}}
	var after int64
	for {
		events, err := c.Events(ctx, apiclient.EventFilter{After: after, Environment: id}, 0)
		if err != nil {
			return report, err
		}
		if len(events.Items) == 0 {
			break
		}
		for _, e := range events.Items {
			if after = e.Seq; e.Type == "resource.removed" {
				report.Removed = append(report.Removed, wire.Removed{Kind: fmt.Sprint(e.Detail["kind"]), Name: fmt.Sprint(e.Detail["name"]), VerifiedBy: fmt.Sprint(e.Detail["verified_by"])})
			}
		}
	}
	left, err := c.Resources(ctx, id)
	for _, r := range left.Items {
		report.Remaining = append(report.Remaining, wire.Remaining{Kind: r.Kind, Name: r.Name, Reason: r.Reason})
	}
	return report, err
}

// removed shows the report of a destroyed environment.
func (s *stdio) removed(v wire.Environment, report wire.DestroyReport) error {
	for _, r := range report.Removed {
		_, _ = fmt.Fprintf(s.out, "removed %-9s %s\n", r.Kind, r.Name)
	}
	if v.Phase == string(staging.PhaseDestroyed) && len(report.Remaining) == 0 {
		_, err := fmt.Fprintf(s.out, "%s is destroyed; nothing is left\n", v.Branch)
		return err
	}
	s.remains(report)
	_, err := fmt.Fprintf(s.out, "%s is %s\n", v.Branch, v.Phase)
	return err
}

func (s *stdio) remains(report wire.DestroyReport) {
	for _, r := range report.Remaining {
		_, _ = fmt.Fprintf(s.err, "remains %-9s %s  %s\n", r.Kind, r.Name, r.Reason)
	}
}
