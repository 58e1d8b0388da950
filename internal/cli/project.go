package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func projectCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{Use: "project", Short: "Repositories and what their administrators set", Example: "  offshoot project add", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(projectAdd(io), projectLs(io), projectShow(io), projectSet(io), projectRm(io), projectEnv(io), projectSecret(io), projectCredential(io),
		projectSource(), notBuilt("mask"))
	return c
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// projectName is the name that a repository suggests.
func projectName(repo string) string {
	base := filepath.Base(strings.TrimSuffix(strings.TrimSuffix(repo, "/"), ".git"))
	if _, after, ok := strings.Cut(base, ":"); ok {
		base = after // git@host:shop.git
	}
	name := strings.Trim(notName.ReplaceAllString(strings.ToLower(base), "-"), "-")
	return strings.Trim(name[:min(40, len(name))], "-")
}

// guessAdd is what the checkout that dir is of says of itself.
func guessAdd(ctx context.Context, dir string) wire.AddProject {
	top := git(ctx, "-C", dir, "rev-parse", "--show-toplevel")
	if top == "" {
		return wire.AddProject{}
	}
	r := wire.AddProject{Repo: top}
	if origin := git(ctx, "-C", dir, "remote", "get-url", "origin"); origin != "" {
		if r.Repo = origin; !strings.Contains(origin, ":") && !filepath.IsAbs(origin) {
			r.Repo = filepath.Join(top, origin)
		}
		_, r.DefaultBranch, _ = strings.Cut(git(ctx, "-C", dir, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"), "/")
	}
	r.Name = projectName(r.Repo)
	return r
}

func projectAdd(io *stdio) *cobra.Command {
	var r wire.AddProject
	c := &cobra.Command{
		Use: "add [NAME]", Short: "Register a repository; in a checkout everything is guessed", Args: cobra.MaximumNArgs(1),
		Example: "  offshoot project add\n  offshoot project add shop --repo https://git.example.com/shop.git --staging-branch dev",
		RunE: func(c *cobra.Command, args []string) error {
			if err := cmp.Or(r.NotBuilt(), builtPlatform(r.Platform), absJoined(r.Join)); err != nil {
				return err
			}
			if r.Repo == "" {
				guess := guessAdd(c.Context(), ".")
				r.Repo, r.DefaultBranch = guess.Repo, first(r.DefaultBranch, guess.DefaultBranch)
			}
			if r.Repo == "" {
				return staging.Errorf(staging.CodeUsage, whyNone(c.Context(), "--repo URL-OR-PATH, or run it in a checkout"), "no repository is given")
			}
			var err error
			if r.Repo, err = abs(r.Repo); err != nil {
				return err
			}
			if r.Name = projectName(r.Repo); len(args) > 0 {
				r.Name = args[0]
			}
			p, err := io.client().AddProject(c.Context(), r)
			if err != nil {
				return err
			}
			return io.added(p)
		},
	}
	f := c.Flags()
	f.StringVar(&r.Repo, "repo", "", "URL or path (default: this checkout's)")
	f.StringVar(&r.DefaultBranch, "default-branch", "", "(default main, or what the repository says)")
	f.StringVar(&r.StagingBranch, "staging-branch", "", "branch of the shared environment (default: the default branch)")
	f.StringArrayVar(&r.Join, "join", nil, joinUsage)
	f.StringVar(&r.Domain, "domain", "", "host suffix (default NAME.SERVER-DOMAIN)")
	f.StringVar(&r.ComposeFile, "compose-file", "", "path of the Compose file in the repository, or of several with commas between")
	f.StringVar(&r.Platform, "platform", "", "where it runs: auto, process or docker")
	f.BoolVar(&r.NoWatch, "no-watch", false, "do not look for pushes: neither watch a path nor list a URL")
	f.StringVar(&r.Kind, "forge", "", "github, gitlab or gitea")
	f.StringVar(&r.URL, "forge-url", "", "the forge's URL")
	f.StringVar(&r.AutoCreate, "auto-create", "none", "which branches get an environment by themselves: none or branch:GLOB")
	return c
}

// added shows what was guessed.
func (s *stdio) added(p wire.Project) error {
	if s.json {
		s.object(p)
	} else {
		_, _ = fmt.Fprintf(s.out, "added %s\n", p.Name)
		s.describeProject(p)
	}
	if p.FetchedAt == nil {
		_, _ = fmt.Fprintf(s.err, "note: the repository asks for a credential\nhint: offshoot project credential set git -p %s reads one from stdin\n", p.Name)
	}
	return nil
}

func (s *stdio) describeProject(p wire.Project) {
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(s.out, "  %-15s "+format+"\n", append([]any{name}, args...)...)
	}
	watched := ""
	switch {
	case p.Watch && filepath.IsAbs(p.Repo):
		watched = "  (watched: a commit deploys where an environment exists)"
	case p.Watch:
		watched = "  (listed every minute: a push deploys where an environment exists)"
	}
	line("repository", "%s%s", p.Repo, watched)
	for _, j := range p.Joined {
		branch := ""
		if j.Branch != "" {
			branch = "#" + j.Branch
		}
		line("joined", "%s=%s%s", j.Folder, j.Repo, branch)
	}
	line("default branch", "%s", p.DefaultBranch)
	line("staging branch", "%s", p.StagingBranch)
	for _, x := range []struct{ name, value string }{{"domain", p.Domain}, {"compose file", p.ComposeFile}, {"platform", p.Platform}, {"snapshots at", p.SnapshotAt},
		{"snapshots of", p.SnapshotSource}, {"auto-create", p.AutoCreate}} {
		if x.value != "" && x.value != "none" {
			line(x.name, "%s", x.value)
		}
	}
	for _, h := range p.AllowHosts {
		line("allowed host", "%s", h)
	}
	for _, x := range []struct{ name, value string }{{"branches outbound", p.Outbound}, {"shared outbound", p.OutboundShared}} {
		if x.value != "" && x.value != staging.OutboundOpen {
			line(x.name, "%s", x.value)
		}
	}
	for _, h := range p.AllowOutbound {
		line("listed outbound", "%s", h)
	}
	for _, x := range []struct {
		name    string
		seconds int64
	}{{"ttl", p.TTLSeconds}, {"sleeps after", p.SleepSeconds}, {"build timeout", p.BuildTimeoutSeconds}, {"release timeout", p.ReleaseTimeoutSeconds}} {
		if x.seconds > 0 {
			line(x.name, "%s", human.Span(time.Duration(x.seconds)*time.Second))
		} else if x.seconds < 0 {
			line(x.name, "never")
		}
	}
	for name, on := range map[string]bool{"submodules": p.Submodules, "lfs": p.LFS} {
		if on {
			line(name, "on")
		}
	}
}

func projectLs(io *stdio) *cobra.Command {
	return &cobra.Command{Use: "ls", Short: "List projects", Example: "  offshoot project ls --json", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		v, err := io.client().Projects(c.Context())
		if err != nil {
			return err
		}
		if io.json {
			io.object(v)
			return nil
		}
		t := tabwriter.NewWriter(io.out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(t, "PROJECT\tSTAGING\tREPOSITORY")
		for _, p := range v.Items {
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", p.Name, p.StagingBranch, p.Repo)
		}
		return t.Flush()
	}}
}

func projectShow(io *stdio) *cobra.Command {
	return &cobra.Command{Use: "show [NAME]", Short: "Show a project", Example: "  offshoot project show shop", Args: cobra.MaximumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		p, err := io.namedProject(c.Context(), args)
		if err != nil {
			return err
		}
		if io.json {
			io.object(p)
			return nil
		}
		_, _ = fmt.Fprintln(io.out, p.Name)
		io.describeProject(p)
		return nil
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

func projectRm(io *stdio) *cobra.Command {
	return &cobra.Command{Use: "rm NAME", Short: "Forget a project that has no environments or snapshots", Example: "  offshoot project rm shop", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := io.client().RemoveProject(c.Context(), args[0]); err != nil {
				return err
			}
			if io.json {
				io.object(map[string]string{"removed": args[0]})
				return nil
			}
			_, err := fmt.Fprintln(io.out, "removed", args[0])
			return err
		}}
}
