package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

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
