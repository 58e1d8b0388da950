package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// waiting are the flags of commands that start work.
type waiting struct {
	no      bool
	yes     bool
	timeout time.Duration
}

func (s *stdio) waitFlags(c *cobra.Command) {
	c.Flags().BoolVar(&s.wait.no, "no-wait", false, "return at once")
	c.Flags().BoolVar(&s.wait.yes, "wait", true, "wait for the end (the default)")
	c.Flags().DurationVar(&s.wait.timeout, "timeout", 10*time.Minute, "how long to wait; the work goes on after it")
}

func (s *stdio) waits() bool { return !s.wait.no && s.wait.yes }

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
	var ttl time.Duration
	var lite, yes, dry bool
	var moment string
	c := &cobra.Command{
		Use:     "create [BRANCH]",
		Short:   "Create an environment for a branch, or bring it to the given state",
		Example: "  offshoot create\n  offshoot create feature/new_cool_page --env DEBUG=1 --ttl 24h",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if lite || moment != "" || len(images) > 0 || dry {
				return staging.NotBuilt("that option of create")
			}
			var err error
			if r.Env, err = pairs(env); err != nil {
				return err
			}
			if r.Links, err = pairs(links); err != nil {
				return err
			}
			if ttl < 0 || c.Flags().Changed("ttl") && ttl == 0 {
				return staging.Errorf(staging.CodeUsage, "for example --ttl 24h", "--ttl must be positive")
			}
			r.TTLSeconds = int64(ttl.Seconds())
			ctx := c.Context()
			client := io.client()
			project, err := io.createProject(ctx, client, yes)
			if err != nil {
				return err
			}
			if r.Branch = currentBranch(ctx); len(args) > 0 {
				r.Branch = args[0]
			}
			v, err := client.Create(ctx, project, r)
			if err != nil {
				return err
			}
			return io.deployed(ctx, client, v)
		},
	}
	c.Flags().StringVar(&r.Commit, "commit", "", "this revision instead of the branch's newest, until the next push")
	c.Flags().StringArrayVar(&env, "env", nil, "a variable K=V of this environment")
	c.Flags().StringArrayVar(&links, "link", nil, "a link NAME=ENV")
	c.Flags().StringArrayVar(&images, "image", nil, "an image SERVICE=REF")
	c.Flags().DurationVar(&ttl, "ttl", 0, "destroy after this time without activity (default 72h)")
	c.Flags().BoolVar(&r.Pin, "pin", false, "never destroy it for being idle")
	c.Flags().StringVar(&r.Size, "size", "", "small, medium or large")
	c.Flags().StringVar(&r.Snapshot, "snapshot", "", "a snapshot's id, latest or none")
	c.Flags().StringVar(&moment, "from-moment", "", "a moment's id")
	c.Flags().BoolVar(&lite, "lite", false, "share the data of shared staging")
	c.Flags().BoolVar(&yes, "yes", false, "add the project where it is not known yet")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would happen")
	io.waitFlags(c)
	return c
}

// createProject is the checkout's project, added where a person says so.
func (s *stdio) createProject(ctx context.Context, c *apiclient.Client, yes bool) (string, error) {
	name, err := s.guessProject(ctx, c)
	if err != nil || name != "" {
		return name, err
	}
	r := guessAdd(ctx)
	if r.Repo == "" {
		return s.needProject(ctx, c)
	}
	if !yes {
		return "", staging.NotFound("offshoot create --yes adds it as "+r.Name+" from "+r.Repo, "this checkout is no project yet")
	}
	p, err := c.AddProject(ctx, r)
	return p.Name, err
}

func deployCommand(io *stdio) *cobra.Command {
	var r wire.Deploy
	var ifExists bool
	var into string
	var images []string
	c := &cobra.Command{
		Use:     "deploy [BRANCH]",
		Short:   "Deploy the newest or given revision into an environment that exists",
		Example: "  offshoot deploy\n  offshoot deploy feature/x --commit 1a2b3c4\n  offshoot deploy feature/x --into staging",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(images) > 0 {
				return staging.NotBuilt("--image")
			}
			ctx := c.Context()
			client := io.client()
			branch := currentBranch(ctx)
			if len(args) > 0 {
				branch = args[0]
			}
			name := branch
			if into != "" {
				name, r.Branch = into, branch
			}
			v, err := io.environment(ctx, client, name)
			if staging.CodeOf(err) == staging.CodeNotFound && ifExists {
				if !io.json {
					_, _ = fmt.Fprintf(io.out, "no environment of %s: nothing to do\n", branch)
					return nil
				}
				io.object(map[string]any{"environment": nil, "message": "no environment of " + branch})
				return nil
			}
			if err == nil {
				v, err = client.Act(ctx, v.ID, "deploy", r)
			}
			if err != nil {
				return err
			}
			return io.deployed(ctx, client, v)
		},
	}
	c.Flags().StringVar(&r.Commit, "commit", "", "this revision instead of the branch's newest")
	c.Flags().BoolVar(&r.Force, "force", false, "repeat what serves already")
	c.Flags().BoolVar(&ifExists, "if-exists", false, "do nothing where there is no environment")
	c.Flags().StringVar(&into, "into", "", "staging: put the branch on shared staging until its own branch is pushed")
	c.Flags().StringArrayVar(&images, "image", nil, "an image SERVICE=REF")
	io.waitFlags(c)
	return c
}
