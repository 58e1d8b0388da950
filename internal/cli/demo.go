package cli

import "github.com/spf13/cobra"

func demoCommand(p Program, io *stdio) *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use: "demo", Short: "Show it on this machine: a small shop, its staging and one feature branch", Example: "  offshoot demo --once", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return p.Demo(ctx, once, io.out)
		},
	}
	c.Flags().BoolVar(&once, "once", false, "check both sites, clean up and end")
	return c
}
