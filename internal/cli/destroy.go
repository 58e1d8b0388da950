package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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
			if !yes && confirm == "" && v.Kind != string(staging.KindShared) && term.IsTerminal(int(os.Stdin.Fd())) {
				_, _ = fmt.Fprintf(io.err, "Destroy %s of %s with its data? [y/N] ", v.Branch, v.Project)
				answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
				if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
					return staging.Errorf(staging.CodeCancelled, "nothing was changed", "not destroyed")
				}
			}
			if v, err = client.Destroy(ctx, v.ID, confirm); err != nil {
				return err
			}
			if io.waits() {
				if v, err = io.until(ctx, client, v.ID, func(v wire.Environment) bool { return v.Phase == string(staging.PhaseDestroyed) }); err != nil {
					return err
				}
			}
			report := wire.DestroyReport{Environment: v.ID, Removed: []wire.Removed{}, Remaining: []wire.Remaining{}}
			var after int64
			for {
				events, err := client.Events(ctx, after, v.ID, 0)
				if err != nil {
					return err
				}
				if len(events.Items) == 0 {
					break
				}
				for _, e := range events.Items {
					after = e.Seq
					if e.Type == "resource.removed" {
						report.Removed = append(report.Removed, wire.Removed{Kind: fmt.Sprint(e.Detail["kind"]), Name: fmt.Sprint(e.Detail["name"]),
							VerifiedBy: fmt.Sprint(e.Detail["verified_by"])})
					}
				}
			}
			left, err := client.Resources(ctx, v.ID)
			if err != nil {
				return err
			}
			for _, r := range left.Items {
				report.Remaining = append(report.Remaining, wire.Remaining{Kind: r.Kind, Name: r.Name, Reason: r.Reason})
			}
			if io.json {
				io.object(report)
				return nil
			}
			for _, r := range report.Removed {
				_, _ = fmt.Fprintf(io.out, "removed %-9s %s\n", r.Kind, r.Name)
			}
			for _, r := range report.Remaining {
				_, _ = fmt.Fprintf(io.out, "remains %-9s %s %s\n", r.Kind, r.Name, r.Reason)
			}
			if v.Phase == string(staging.PhaseDestroyed) {
				_, _ = fmt.Fprintf(io.out, "%s is destroyed; nothing is left\n", v.Branch)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "ask no question")
	c.Flags().StringVar(&confirm, "confirm", "", "the project's name, for a shared environment")
	c.Flags().BoolVar(&abandon, "abandon", false, "give up on what a platform will not remove")
	io.waitFlags(c)
	return c
}
