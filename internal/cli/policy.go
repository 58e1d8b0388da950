package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// projectSet changes only what a flag is given for.
func projectSet(io *stdio) *cobra.Command {
	var r wire.SetProject
	c := &cobra.Command{Use: "set [NAME]", Short: "Change a project: only what is given", Args: cobra.MaximumNArgs(1),
		Example: "  offshoot project set shop --allow-host db.example.com:5432\n  offshoot project set --ttl 14d --sleep never\n  offshoot project set --outbound listed --allow-outbound '*.example.com:443'\n  offshoot project set --join worker=https://git.example.com/worker.git",
		RunE: func(c *cobra.Command, args []string) error {
			if err := cmp.Or(r.NotBuilt(), builtPlatform(*orZero(r.Platform)), absJoined(r.Join)); err != nil {
				return err
			}
			if c.Flags().Changed("snapshot-source") && *r.SnapshotSource != "" {
				v, err := io.environment(c.Context(), io.client(), *r.SnapshotSource)
				if err != nil {
					return err
				}
				r.SnapshotSource = &v.ID
			}
			p, err := io.namedProject(c.Context(), args)
			if err == nil {
				p, err = io.client().SetProject(c.Context(), p.Name, r)
			}
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
	f := c.Flags()
	text := func(to **string, name, usage string) { f.Var(&optional[string]{to, readText}, name, usage) }
	f.Var(&optional[string]{&r.Repo, abs}, "repo", "URL or path")
	text(&r.DefaultBranch, "default-branch", "the branch that others begin from")
	text(&r.StagingBranch, "staging-branch", "branch of the shared environment")
	text(&r.Domain, "domain", "host suffix; empty for NAME.SERVER-DOMAIN")
	text(&r.ComposeFile, "compose-file", "path of the Compose file, or of several with commas between; empty for the usual names")
	text(&r.Platform, "platform", "where it runs: auto, process or docker")
	text(&r.SnapshotSource, "snapshot-source", "the environment whose snapshots new ones begin with; empty for the shared one")
	text(&r.SnapshotAt, "snapshot-at", `time of day of the daily snapshot, or "off"`)
	f.StringArrayVar(&r.AllowHosts, "allow-host", nil, "HOST[:PORT] that variables for data may name")
	f.StringArrayVar(&r.ForbidHosts, "forbid-host", nil, "take back an --allow-host")
	text(&r.Outbound, "outbound", "where branch environments connect to outside: open (anywhere) or listed")
	text(&r.OutboundShared, "outbound-shared", "the same for the shared environment")
	f.StringArrayVar(&r.AllowOutbound, "allow-outbound", nil, "list HOST[:PORT], *.HOST or an address of IPv4")
	f.StringArrayVar(&r.Join, "join", nil, joinUsage)
	f.StringArrayVar(&r.ForbidOutbound, "forbid-outbound", nil, "take back an --allow-outbound")
	f.Var(&optional[int64]{&r.TTLSeconds, readSeconds}, "ttl", "destroy after this time without activity; 0 for the server's")
	f.Var(&optional[int64]{&r.SleepSeconds, readSeconds}, "sleep", "sleep after this time without requests, or never; 0 for the server's")
	f.Var(&optional[int64]{&r.BuildTimeoutSeconds, readSeconds}, "build-timeout", "how long a build may take; 0 for the server's")
	f.Var(&optional[int64]{&r.ReleaseTimeoutSeconds, readSeconds}, "release-timeout", "how long a release may take; 0 for the server's")
	f.Var(&optional[int]{&r.MaxEnvironments, strconv.Atoi}, "max-environments", "how many environments; 0 for no bound")
	f.Var(&optional[float64]{&r.MaxCPUs, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }}, "max-cpus", "what one service may ask for; 0 for no bound")
	f.Var(&optional[int64]{&r.MaxMemoryBytes, readBytes}, "max-memory", "what one service may ask for, such as 2G; 0 for no bound")
	for name, flag := range map[string]struct {
		to    **bool
		usage string
	}{"watch": {&r.Watch, "look for pushes: watch a path, list a URL every minute"}, "submodules": {&r.Submodules, "check submodules out"}, "lfs": {&r.LFS, "fetch files of Git LFS"}} {
		f.Var(&optional[bool]{flag.to, strconv.ParseBool}, name, flag.usage)
		f.Lookup(name).NoOptDefVal = "true"
	}
	f.StringVar(&r.Kind, "forge", "", "github, gitlab or gitea")
	f.StringVar(&r.URL, "forge-url", "", "the forge's URL")
	text(&r.AutoCreate, "auto-create", "which branches get an environment by themselves: none or branch:GLOB")
	return c
}

const joinUsage = "FOLDER=REPOSITORY[#BRANCH]: have that repository's files in a folder of each checkout, from the branch of the same name, else from #BRANCH (default: the staging branch); FOLDER= ends it"

// absJoined completes paths of repositories to join.
func absJoined(entries []string) error {
	for i, entry := range entries {
		folder, repo, ok := strings.Cut(entry, "=")
		if !ok || repo == "" {
			continue
		}
		address, branch, chosen := strings.Cut(repo, "#")
		address, err := abs(address)
		if err != nil {
			return err
		}
		if chosen {
			address += "#" + branch
		}
		entries[i] = folder + "=" + address
	}
	return nil
}

// optional is a flag that leaves nil what is not given.
type optional[T any] struct {
	to   **T
	read func(string) (T, error)
}

var _ pflag.Value = (*optional[string])(nil)

func (o *optional[T]) String() string { return "" }

func (o *optional[T]) Set(text string) error {
	v, err := o.read(text)
	if err == nil {
		*o.to = &v
	}
	return err
}

func (o *optional[T]) Type() string {
	switch any(o).(type) {
	case *optional[bool]:
		return "bool"
	case *optional[string]:
		return "string"
	}
	return "value"
}

func orZero[T any](v *T) *T {
	if v == nil {
		return new(T)
	}
	return v
}

func readText(s string) (string, error) { return s, nil }

func readSeconds(s string) (int64, error) {
	if s == "never" {
		return -1, nil
	}
	if s == "0" {
		return 0, nil
	}
	d, err := duration(s)
	return int64(d.Seconds()), err
}

// readBytes reads 512M and 2G.
func readBytes(s string) (int64, error) {
	number, factor := strings.TrimSuffix(strings.ToUpper(s), "B"), int64(1)
	for i, unit := range []string{"K", "M", "G", "T"} {
		if n, ok := strings.CutSuffix(number, unit); ok {
			number, factor = n, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(number, 10, 40)
	if err != nil || n < 0 {
		return 0, staging.Errorf(staging.CodeUsage, "for example 512M or 2G", "%q is no size", s)
	}
	return n * factor, nil
}
