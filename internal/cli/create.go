package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// pairs reads K=V arguments.
func pairs(list []string) (map[string]string, error) {
	m := map[string]string{}
	for _, kv := range list {
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" {
			return nil, staging.Errorf(staging.CodeUsage, "write KEY=VALUE", "%q has no =", kv)
		}
		m[k] = v
	}
	return m, nil
}

func createCommand(io *stdio) *cobra.Command {
	var r wire.CreateEnvironment
	var env, links, images []string
	var yes bool
	var ttl string
	c := &cobra.Command{
		Use:     "create [BRANCH]",
		Short:   "Create an environment for a branch, or bring it to the given state",
		Example: "  offshoot create\n  offshoot create feature/new_cool_page --env DEBUG=1 --ttl 24h",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if r.Images, err = pairs(images); err != nil {
				return err
			}
			if err = r.NotBuilt(); err != nil {
				return err
			}
			if r.Env, err = pairs(env); err != nil {
				return err
			}
			if r.Links, err = pairs(links); err != nil {
				return err
			}
			if ttl != "" {
				d, err := duration(ttl)
				if err != nil {
					return err
				}
				if r.TTLSeconds = int64(d.Seconds()); r.TTLSeconds <= 0 {
					return staging.Errorf(staging.CodeUsage, "for example --ttl 24h", "--ttl must be positive")
				}
			}
			ctx := c.Context()
			client := io.client()
			project, err := io.createProject(ctx, client, yes)
			if err != nil {
				return err
			}
			if r.Branch, err = branchOf(ctx, args); err != nil {
				return err
			}
			v, err := client.Create(ctx, project, r)
			if err != nil {
				return unpushed(ctx, client, project, r.Branch, err)
			}
			if r.DryRun {
				return io.rehearsed(v)
			}
			io.noteUnpushed(ctx, v, r.Commit)
			return io.deployed(ctx, client, v)
		},
	}
	c.Flags().StringVar(&r.Commit, "commit", "", "this revision instead of the branch's newest, until the next push")
	c.Flags().StringArrayVar(&env, "env", nil, "a variable K=V of this environment")
	c.Flags().StringArrayVar(&links, "link", nil, "a link NAME=ENV")
	c.Flags().StringArrayVar(&images, "image", nil, "an image SERVICE=REF to run instead of building; SERVICE= is what the stack says again")
	c.Flags().StringVar(&ttl, "ttl", "", "destroy after this time without activity, such as 24h or 7d (default 72h)")
	c.Flags().BoolVar(&r.Pin, "pin", false, "never destroy it for being idle")
	c.Flags().StringVar(&r.Size, "size", "", "small, medium or large")
	c.Flags().StringVar(&r.Snapshot, "snapshot", "", "a snapshot's id, latest or none")
	c.Flags().StringVar(&r.FromMoment, "from-moment", "", "a moment's id")
	c.Flags().BoolVar(&r.Lite, "lite", false, "share the data of shared staging")
	c.Flags().BoolVar(&yes, "yes", false, "add the project where it is not known yet")
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "say what would happen, and change nothing")
	io.waitFlags(c)
	return c
}
