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
