package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func demoCommand(p Program, io *stdio) *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use: "demo", Short: "Show it on this machine: a small shop, its staging and one feature branch", Example: "  offshoot demo --once", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			// A closed terminal ends it too: nothing may be left running.
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			err := p.Demo(ctx, once, io.out, io.err)
			if errors.Is(err, context.Canceled) {
				_, _ = fmt.Fprintln(io.err, "error: interrupted; nothing is left running")
				return &reported{130}
			}
			return err
		},
	}
	c.Flags().BoolVar(&once, "once", false, "check both sites, clean up and end")
	return c
}
