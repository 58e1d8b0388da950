package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/human"
	"offshoot/internal/wire"
)

func dataCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{Use: "data", Short: "Data of one environment", Example: "  offshoot data show .", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	show := &cobra.Command{Use: "show ENV", Short: "Show where its data came from, its age and what it takes", Example: "  offshoot data show .", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client := io.client()
			v, err := io.environment(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			d, err := client.Data(c.Context(), v.ID)
			if err != nil {
				return err
			}
			if io.json {
				io.object(d)
				return nil
			}
			for _, x := range d.Items {
				_, _ = fmt.Fprintln(io.out, dataLine(x))
				if x.Ahead != nil {
					_, _ = fmt.Fprintf(io.out, "  warning: %s\n", x.Ahead)
				}
			}
			if d.Undo != nil {
				_, _ = fmt.Fprintf(io.out, "replaced %s: `offshoot data undo %s` brings that back until %s\n", ago(d.Undo.SetAsideAt), v.Slug,
					d.Undo.Until.Format(time.RFC3339))
			}
			return nil
		}}
	var r wire.Reset
	reset := &cobra.Command{Use: "reset ENV", Short: "Back to a snapshot; seed and migrations run again", Example: "  offshoot data reset . --snapshot snap_…", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			client := io.client()
			v, err := io.environment(ctx, client, args[0])
			if err == nil {
				v, err = client.Act(ctx, v.ID, "reset", r)
			}
			if err != nil {
				return err
			}
			return io.deployed(ctx, client, v)
		}}
	reset.Flags().StringVar(&r.Snapshot, "snapshot", "", "a snapshot's id (default: the newest)")
	reset.Flags().StringVar(&r.Confirm, "confirm", "", "the project's name, for a shared environment")
	io.waitFlags(reset)
	undo := &cobra.Command{Use: "undo ENV", Short: "The data before the last reset or failed release (kept 24 h)", Example: "  offshoot data undo .", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			client := io.client()
			v, err := io.environment(ctx, client, args[0])
			if err == nil {
				v, err = client.Act(ctx, v.ID, "undo", nil)
			}
			if err != nil {
				return err
			}
			return io.deployed(ctx, client, v)
		}}
	io.waitFlags(undo)
	c.AddCommand(show, reset, undo, notBuilt("dump"))
	return c
}

// dataLine is one datastore or volume in a line.
func dataLine(d wire.Data) string {
	from := "began empty"
	switch {
	case d.Snapshot != nil:
		from = fmt.Sprintf("from %s, taken %s, by %s", *d.Snapshot, ago(*d.SnapshotTakenAt), d.Strategy)
	case d.Seeded:
		from = "began empty, seeded"
	case d.Strategy != "empty":
		from = "of its own, by " + d.Strategy
	}
	return fmt.Sprintf("%s (%s): %s; %s, of which %s its own", d.Name, d.Kind, from, human.Size(d.SizeBytes), human.Size(d.UniqueBytes))
}
