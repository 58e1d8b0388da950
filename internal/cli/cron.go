package cli

import (
	"github.com/spf13/cobra"

	"offshoot/internal/wire"
)

func cronCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{Use: "cron", Short: "Cron jobs of an environment", Example: "  offshoot cron run . nightly", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	run := &cobra.Command{
		Use: "run ENV JOB", Short: "Run a cron job once, now; the exit code is the job's", Example: "  offshoot cron run . nightly", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return io.attach(c.Context(), args[0], wire.Session{Job: args[1]})
		},
	}
	io.timeoutFlag(run, waking)
	c.AddCommand(run)
	return c
}
