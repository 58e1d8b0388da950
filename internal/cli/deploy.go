package cli

import (
	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func deployCommand(io *stdio) *cobra.Command {
	var r wire.Deploy
	var ifExists bool
	var into string
	var images []string
	c := &cobra.Command{
		Use:     "deploy [BRANCH]",
		Short:   "Deploy the newest or given revision into an environment that exists",
		Example: "  offshoot deploy\n  offshoot deploy feature/x --commit 1a2b3c4\n  offshoot deploy feature/x --into staging\n  offshoot deploy feature/x --commit 1a2b3c4 --image web=registry.example.com/shop/web:1a2b3c4",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if r.Images, err = pairs(images); err != nil {
				return err
			}
			if into != "" && into != "staging" {
				return staging.Errorf(staging.CodeUsage, "--into staging", "a branch can be put on shared staging only, not on %q", into)
			}
			ctx := c.Context()
			client := io.client()
			branch, err := branchOf(ctx, args)
			if err != nil {
				return err
			}
			name := branch
			if into != "" {
				name, r.Branch = into, branch
			}
			v, err := io.target(ctx, client, branch, into, ifExists || r.Commit != "")
			if staging.CodeOf(err) == staging.CodeNotFound {
				return io.nothingToDeployTo(ctx, client, name, ifExists)
			}
			if err == nil {
				v, err = client.Act(ctx, v.ID, "deploy", r)
			}
			if err != nil {
				return unpushed(ctx, client, v.Project, branch, err)
			}
			io.noteUnpushed(ctx, v, r.Commit)
			return io.deployed(ctx, client, v)
		},
	}
	c.Flags().StringVar(&r.Commit, "commit", "", "this revision instead of the branch's newest")
	c.Flags().BoolVar(&r.Force, "force", false, "repeat what serves already")
	c.Flags().BoolVar(&ifExists, "if-exists", false, "do nothing where there is no environment")
	c.Flags().StringVar(&into, "into", "", "staging: put the branch on shared staging until its own branch is pushed")
	c.Flags().StringArrayVar(&images, "image", nil, "an image SERVICE=REF to run instead of building; SERVICE= is what the stack says again")
	io.waitFlags(c)
	return c
}
