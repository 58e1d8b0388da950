package cli

import (
	"github.com/spf13/cobra"

	"offshoot/internal/wire"
)

func envCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{Use: "env", Short: "Variables of one environment", Example: "  offshoot env set . DEBUG=1", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	set := envChange(io, &cobra.Command{Use: "set ENV K=V…", Short: "Set variables and redeploy without a build", Example: "  offshoot env set . DEBUG=1"}, func(args []string) (wire.Variables, error) {
		m, err := pairs(args)
		return wire.Variables{Set: m}, err
	})
	unset := envChange(io, &cobra.Command{Use: "unset ENV K…", Short: "Remove variables and redeploy without a build", Example: "  offshoot env unset . DEBUG"}, func(args []string) (wire.Variables, error) {
		return wire.Variables{Unset: args}, nil
	})
	ls := &cobra.Command{Use: "ls ENV", Short: "List the environment's own variables", Example: "  offshoot env ls . --json", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		client := io.client()
		v, err := io.environment(c.Context(), client, args[0])
		if err != nil {
			return err
		}
		list, err := client.EnvironmentVariables(c.Context(), v.ID)
		if err != nil {
			return err
		}
		if io.json {
			io.object(list)
			return nil
		}
		io.variables(list.Items)
		return nil
	}}
	c.AddCommand(ls, set, unset)
	return c
}

// envChange is a command that changes variables and waits for the deployment
// that follows.
func envChange(io *stdio, c *cobra.Command, read func([]string) (wire.Variables, error)) *cobra.Command {
	c.Args = cobra.MinimumNArgs(2)
	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := read(args[1:])
		if err != nil {
			return err
		}
		client := io.client()
		v, err := io.environment(c.Context(), client, args[0])
		if err == nil {
			v, err = client.Set(c.Context(), v.ID, r)
		}
		if err != nil {
			return err
		}
		return io.deployed(c.Context(), client, v)
	}
	io.waitFlags(c)
	return c
}
