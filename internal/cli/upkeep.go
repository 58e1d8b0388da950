package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func scaleCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{
		Use: "scale ENV SERVICE=N…", Short: "Set how many instances of a service run, 0 for none", Example: "  offshoot scale . worker=3\n  offshoot scale . worker=0",
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := pairs(args[1:])
			if err != nil {
				return err
			}
			r := wire.Scale{Services: map[string]int{}}
			for name, text := range m {
				n, err := strconv.Atoi(text)
				if err != nil || n < 0 {
					return staging.Errorf(staging.CodeUsage, "for example worker=3", "%s=%s is no number of instances", name, text)
				}
				r.Services[name] = n
			}
			ctx := c.Context()
			client := io.client()
			v, err := io.environment(ctx, client, args[0])
			if err == nil {
				v, err = client.Act(ctx, v.ID, "scale", r)
			}
			if err != nil {
				return err
			}
			if io.waits() {
				if v, err = io.until(ctx, client, v.ID, func(v wire.Environment) bool { return scaled(v, r.Services) }); err != nil {
					return err
				}
			}
			return io.done(v, "")
		},
	}
	io.waitFlags(c)
	return c
}

// scaled is whether as many run as are wanted, where anything runs at all.
func scaled(v wire.Environment, wanted map[string]int) bool {
	if v.Phase != string(staging.PhaseReady) && v.Phase != string(staging.PhaseDegraded) {
		return v.Phase != string(staging.PhaseDeploying) && v.Phase != string(staging.PhaseWaking)
	}
	for _, s := range v.Services {
		n, ok := wanted[s.Name]
		if ok && s.Running != n {
			return false
		}
		// What runs is not yet known to serve: that is no news of a service that
		// has just been started.
		if ok && n > 0 && s.State == string(staging.RunRunning) && v.Reason == "service "+s.Name+" is down" {
			return false
		}
	}
	return true
}

func linkCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "link ENV NAME=ENV…", Short: "Point a link at another project's environment (NAME= for its default); nothing restarts",
		Example: "  offshoot link . billing=billing/feature/invoice\n  offshoot link . billing=", Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := pairs(args[1:])
			if err != nil {
				return err
			}
			client := io.client()
			v, err := io.environment(c.Context(), client, args[0])
			if err == nil {
				v, err = client.Act(c.Context(), v.ID, "link", wire.Relink{Links: m})
			}
			if err != nil {
				return err
			}
			if v.Awake && !io.quiet {
				_, _ = fmt.Fprintln(io.err, "note: what runs finds the other behind the same address at once; the NAME_PUBLIC_URL for browsers is as of a service's start: offshoot deploy --force renews it")
			}
			if io.json {
				io.object(v)
				return nil
			}
			for _, l := range v.Links {
				_, _ = fmt.Fprintln(io.out, linkLine(l))
			}
			return nil
		},
	}
}
