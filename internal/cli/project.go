package cli

import (
	"context"
	"fmt"
	streams "io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func projectCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{Use: "project", Short: "Repositories and what their administrators set", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(projectAdd(io), projectLs(io), projectShow(io), projectSet(io), projectRm(io), projectVariables(io, "env", false), projectVariables(io, "secret", true))
	for _, name := range []string{"credential", "source", "mask"} {
		c.AddCommand(notBuilt(name))
	}
	return c
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// guessAdd is what a checkout says of itself.
func guessAdd(ctx context.Context) wire.AddProject {
	top := git(ctx, "rev-parse", "--show-toplevel")
	if top == "" {
		return wire.AddProject{}
	}
	r := wire.AddProject{Repo: first(git(ctx, "remote", "get-url", "origin"), top)}
	r.Name = strings.Trim(notName.ReplaceAllString(strings.ToLower(filepath.Base(trimGit(r.Repo))), "-"), "-")
	return r
}

func projectAdd(io *stdio) *cobra.Command {
	var r wire.AddProject
	var forge, forgeURL, auto string
	c := &cobra.Command{
		Use: "add [NAME]", Short: "Register a repository", Example: "  offshoot project add\n  offshoot project add shop --repo https://git.example.com/shop.git",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if forge != "" || forgeURL != "" || auto != "" && auto != "none" {
				return staging.NotBuilt("a forge")
			}
			if r.Platform != "" && r.Platform != "auto" && r.Platform != "process" {
				return staging.NotBuilt("the platform " + r.Platform)
			}
			guess := guessAdd(c.Context())
			if r.Repo == "" {
				r.Repo = guess.Repo
			} else if !strings.Contains(r.Repo, ":") {
				abs, err := filepath.Abs(r.Repo)
				if err != nil {
					return err
				}
				r.Repo = abs
			}
			if r.Repo == "" {
				return staging.Errorf(staging.CodeUsage, "--repo URL-OR-PATH, or run it in a checkout", "no repository is given")
			}
			if len(args) > 0 {
				r.Name = args[0]
			} else {
				r.Name = strings.Trim(notName.ReplaceAllString(strings.ToLower(filepath.Base(trimGit(r.Repo))), "-"), "-")
			}
			ctx, stop := interruptible(c.Context())
			defer stop()
			p, err := io.client().AddProject(ctx, r)
			if err != nil {
				return err
			}
			if io.json {
				io.object(p)
				return nil
			}
			_, err = fmt.Fprintf(io.out, "added %s: %s, default branch %s, staging branch %s\n", p.Name, p.Repo, p.DefaultBranch, p.StagingBranch)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&r.Repo, "repo", "", "URL or path (default: this checkout's)")
	f.StringVar(&r.DefaultBranch, "default-branch", "", "default main")
	f.StringVar(&r.StagingBranch, "staging-branch", "", "branch of the shared environment (default: the default branch)")
	f.StringVar(&r.Domain, "domain", "", "host suffix (default NAME.SERVER-DOMAIN)")
	f.StringVar(&r.ComposeFile, "compose-file", "", "path of the Compose file")
	f.StringVar(&r.Platform, "platform", "", "where it runs")
	f.BoolVar(&r.NoWatch, "no-watch", false, "do not watch a repository that is a path")
	f.StringVar(&forge, "forge", "", "github, gitlab or gitea")
	f.StringVar(&forgeURL, "forge-url", "", "the forge's URL")
	f.StringVar(&auto, "auto-create", "none", "which branches get an environment by themselves")
	return c
}

func projectLs(io *stdio) *cobra.Command {
	return &cobra.Command{Use: "ls", Short: "List projects", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		v, err := io.client().Projects(c.Context())
		if err != nil {
			return err
		}
		if io.json {
			io.object(v)
			return nil
		}
		for _, p := range v.Items {
			_, _ = fmt.Fprintf(io.out, "%-20s %s\n", p.Name, p.Repo)
		}
		return nil
	}}
}

func projectShow(io *stdio) *cobra.Command {
	return &cobra.Command{Use: "show [NAME]", Short: "Show a project", Args: cobra.MaximumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		p, err := io.namedProject(c.Context(), args)
		if err != nil {
			return err
		}
		if io.json {
			io.object(p)
			return nil
		}
		_, err = fmt.Fprintf(io.out, "%s: %s\n  default branch %s, staging branch %s, watched %t\n", p.Name, p.Repo, p.DefaultBranch, p.StagingBranch, p.Watch)
		return err
	}}
}

func (s *stdio) namedProject(ctx context.Context, args []string) (wire.Project, error) {
	c := s.client()
	if len(args) > 0 {
		return c.Project(ctx, args[0])
	}
	name, err := s.needProject(ctx, c)
	if err != nil {
		return wire.Project{}, err
	}
	return c.Project(ctx, name)
}

func projectSet(io *stdio) *cobra.Command {
	var hosts []string
	c := &cobra.Command{Use: "set [NAME]", Short: "Change a project", Example: "  offshoot project set shop --allow-host db.example.com:5432", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := io.namedProject(c.Context(), args)
			if err == nil {
				p, err = io.client().SetProject(c.Context(), p.Name, map[string]any{"allow_hosts": hosts})
			}
			if err != nil {
				return err
			}
			if io.json {
				io.object(p)
			}
			return nil
		}}
	c.Flags().StringArrayVar(&hosts, "allow-host", nil, "HOST[:PORT] that variables for data may name")
	return c
}

func projectRm(io *stdio) *cobra.Command {
	return &cobra.Command{Use: "rm NAME", Short: "Forget a project that has no environments", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		if err := io.client().RemoveProject(c.Context(), args[0]); err != nil {
			return err
		}
		if io.json {
			io.object(map[string]string{"removed": args[0]})
		}
		return nil
	}}
}

// projectVariables are the commands `project env` and `project secret`.
func projectVariables(io *stdio, name string, secret bool) *cobra.Command {
	var r wire.Variables
	c := &cobra.Command{Use: name, Short: "Variables of a project", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.PersistentFlags().StringVar(&r.Scope, "for", "", "shared or branch: only for those environments")
	c.PersistentFlags().BoolVar(&r.Build, "build", false, "builds see it too")
	c.PersistentFlags().StringVar(&r.File, "file", "", "a path inside, to which the value is written instead")
	send := func(ctx context.Context, edit func(*wire.Variables)) error {
		if r.Scope == "lite" || r.Scope == "fork" {
			return staging.NotBuilt("--for " + r.Scope)
		}
		client := io.client()
		project, err := io.needProject(ctx, client)
		if err != nil {
			return err
		}
		r.Secret = secret
		edit(&r)
		if err := client.SetVariables(ctx, project, r); err != nil {
			return err
		}
		if io.json {
			io.object(map[string]any{"project": project})
		}
		return nil
	}
	if secret {
		c.AddCommand(&cobra.Command{Use: "set KEY", Short: "Set a secret; its value comes on stdin", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
			if strings.Contains(args[0], "=") {
				return staging.Errorf(staging.CodeUsage, "write the value to stdin", "a secret must not stand in an argument")
			}
			text, err := streams.ReadAll(streams.LimitReader(os.Stdin, 1<<20))
			if err != nil {
				return err
			}
			return send(c.Context(), func(r *wire.Variables) { r.Set = map[string]string{args[0]: strings.TrimSuffix(string(text), "\n")} })
		}})
	} else {
		c.AddCommand(&cobra.Command{Use: "set K=V…", Short: "Set variables", Args: cobra.MinimumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
			m, err := pairs(args)
			if err != nil {
				return err
			}
			return send(c.Context(), func(r *wire.Variables) { r.Set = m })
		}})
	}
	c.AddCommand(&cobra.Command{Use: "rm K…", Short: "Remove them", Args: cobra.MinimumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		return send(c.Context(), func(r *wire.Variables) { r.Unset = args })
	}}, &cobra.Command{Use: "ls", Short: "List them; values of secrets are never shown", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		client := io.client()
		project, err := io.needProject(c.Context(), client)
		if err != nil {
			return err
		}
		list, err := client.Variables(c.Context(), project)
		if err != nil {
			return err
		}
		kept := list.Items[:0]
		for _, v := range list.Items {
			if v.Secret == secret {
				kept = append(kept, v)
			}
		}
		list.Items = kept
		if io.json {
			io.object(list)
			return nil
		}
		for _, v := range kept {
			value := "(sealed)"
			if v.Value != nil {
				value = *v.Value
			}
			_, _ = fmt.Fprintf(io.out, "%s=%s\n", v.Key, value)
		}
		return nil
	}})
	return c
}
