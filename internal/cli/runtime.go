package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/wire"
)

func runtimeCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{Use: "runtime", Short: "Servers and clients that the process platform runs", Example: "  offshoot runtime ls", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	ls := &cobra.Command{Use: "ls", Short: "List what the server's host has", Example: "  offshoot runtime ls --json", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		v, err := io.client().Runtimes(c.Context())
		if err != nil {
			return err
		}
		if io.json {
			io.object(v)
			return nil
		}
		t := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
		for _, r := range v.Items {
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Kind, r.Version, r.Origin, r.Path)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if !io.quiet {
			_, _ = fmt.Fprintln(io.err, "can be installed:", strings.Join(v.Available, " "))
		}
		return nil
	}}
	install := &cobra.Command{Use: "install NAME[@MAJOR]", Short: "Fetch a pinned build where the server's host has none", Args: cobra.ExactArgs(1),
		Example: "  offshoot runtime install postgres@17\n  offshoot runtime install valkey\n  offshoot runtime install psql",
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			v, err := io.client().InstallRuntime(ctx, args[0], io.fetching())
			if err != nil {
				return err
			}
			if io.json {
				io.object(v)
				return nil
			}
			_, _ = fmt.Fprintf(io.out, "%s %s: %s\n", v.Kind, v.Version, v.Path)
			return nil
		}}
	c.AddCommand(ls, install)
	return c
}

// fetching shows progress, a line a second.
func (s *stdio) fetching() func(wire.RuntimeProgress) {
	var last time.Time
	var said wire.RuntimeProgress
	return func(p wire.RuntimeProgress) {
		if s.quiet || said == p || said.Message == p.Message && time.Since(last) < time.Second && p.Done < p.Total {
			return
		}
		last, said = time.Now(), p
		_, _ = fmt.Fprintf(s.err, "  %s: %.1f of %.1f MB\n", p.Message, float64(p.Done)/1e6, float64(p.Total)/1e6)
	}
}
