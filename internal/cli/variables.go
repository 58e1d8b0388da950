package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// scoped are the flags that say which workloads get a variable, and how.
func scoped(c *cobra.Command, r *wire.Variables) {
	c.PersistentFlags().StringVar(&r.Scope, "for", "", "shared or branch: only for those environments")
	c.PersistentFlags().BoolVar(&r.Build, "build", false, "builds see it too")
	c.PersistentFlags().StringVar(&r.File, "file", "", "a path inside, to which the value is written instead")
}

// change sends a change of a project's variables.
func (s *stdio) change(ctx context.Context, r wire.Variables) error {
	if r.Scope == string(staging.ScopeLite) || r.Scope == string(staging.ScopeFork) {
		return staging.NotBuilt("--for " + r.Scope)
	}
	client := s.client()
	project, err := s.needProject(ctx, client)
	if err != nil {
		return err
	}
	if err := client.SetVariables(ctx, project, r); err != nil {
		return err
	}
	if s.json {
		s.object(map[string]any{"project": project, "set": len(r.Set), "unset": len(r.Unset)})
		return nil
	}
	if !s.quiet {
		_, _ = fmt.Fprintf(s.err, "%s: changed; environments get it with their next deployment\n", project)
	}
	return nil
}

func projectEnv(s *stdio) *cobra.Command {
	var r wire.Variables
	c := &cobra.Command{Use: "env", Short: "Variables of a project", Example: "  offshoot project env set DEBUG=1 --for branch", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	scoped(c, &r)
	set := &cobra.Command{Use: "set K=V…", Short: "Set variables", Example: "  offshoot project env set RAILS_ENV=staging --for branch", Args: cobra.MinimumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		m, err := pairs(args)
		if err != nil {
			return err
		}
		r.Set = m
		return s.change(c.Context(), r)
	}}
	c.AddCommand(set, removeVariables(s, &r, "env"), listVariables(s, false))
	return c
}

func projectSecret(s *stdio) *cobra.Command {
	r := wire.Variables{Secret: true}
	c := &cobra.Command{Use: "secret", Short: "Secrets of a project: sealed, and never shown again", Example: "  offshoot project secret import .env", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	scoped(c, &r)
	set := &cobra.Command{Use: "set KEY", Short: "Set a secret; its value comes on stdin", Example: "  offshoot project secret set STRIPE_KEY < key.txt\n  offshoot project secret set TLS_KEY --file config/tls.key < tls.key",
		Args: onlyOnStdin(1, "KEY"), RunE: func(c *cobra.Command, args []string) error {
			text, err := s.secret(c.Context(), "Value of "+args[0])
			if err != nil {
				return err
			}
			if r.File == "" {
				text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
			}
			if text == "" {
				return staging.Errorf(staging.CodeUsage, "offshoot project secret set "+args[0]+" < FILE", "there is no value on stdin")
			}
			r.Set = map[string]string{args[0]: text}
			return s.change(c.Context(), r)
		}}
	load := &cobra.Command{Use: "import [FILE]", Short: "Set all that a .env file says, as secrets", Example: "  offshoot project secret import .env.staging\n  vault-print | offshoot project secret import",
		Args: cobra.MaximumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
			if r.File != "" {
				return staging.Errorf(staging.CodeUsage, "use secret set KEY --file PATH", "--file is for one secret")
			}
			text, err := s.envFile(args)
			if err != nil {
				return err
			}
			if r.Set, err = parseEnvFile(text); err != nil {
				return err
			}
			if len(r.Set) == 0 {
				return staging.Errorf(staging.CodeUsage, "lines are KEY=VALUE", "the file says nothing")
			}
			return s.change(c.Context(), r)
		}}
	c.AddCommand(set, load, removeVariables(s, &r, "secret"), listVariables(s, true))
	return c
}

// onlyOnStdin refuses further arguments without repeating them: they may be
// the secret.
func onlyOnStdin(n int, names string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) > n || n > 0 && len(args) == n && (strings.Contains(args[n-1], "=") || strings.Contains(args[n-1], "://")):
			return staging.Errorf(staging.CodeUsage, "write it to stdin: "+c.CommandPath()+" "+names+" < FILE", "a secret must not stand in an argument: other users of this machine could read it")
		case len(args) < n:
			return staging.Errorf(staging.CodeUsage, c.CommandPath()+" "+names+" < FILE", "name what is set: %s", names)
		}
		return nil
	}
}

// envFile is the text of a .env file, or of stdin where none is named.
func (s *stdio) envFile(args []string) (string, error) {
	if len(args) == 0 || args[0] == "-" {
		text, err := io.ReadAll(io.LimitReader(s.in, maxSecret))
		return string(text), err
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return "", staging.NotFound("name the file", "read %s: %w", args[0], err)
	}
	return string(text), nil
}

// parseEnvFile reads what Compose reads: quotes, export, comments, values of
// several lines, ${NAME} of what stands above. A $ that names nothing stays as
// it is: a part of a password must not vanish.
func parseEnvFile(text string) (map[string]string, error) {
	values, err := dotenv.ParseWithLookup(strings.NewReader(text), func(name string) (string, bool) {
		switch {
		case strings.Contains(text, "${"+name+":") || strings.Contains(text, "${"+name+"-") || strings.Contains(text, "${"+name+"?") || strings.Contains(text, "${"+name+"+"):
			return "", false
		case strings.Contains(text, "${"+name+"}"):
			return "${" + name + "}", true
		}
		return "$" + name, true
	})
	if err != nil {
		// Its words may repeat a value; the place is enough.
		where, _, _ := strings.Cut(err.Error(), ":")
		if !strings.HasPrefix(where, "line ") {
			where = "somewhere"
		}
		return nil, staging.Errorf(staging.CodeUsage, "lines are KEY=VALUE; quotes must end", "the file cannot be read: %s", where)
	}
	return values, nil
}

func removeVariables(s *stdio, r *wire.Variables, what string) *cobra.Command {
	return &cobra.Command{Use: "rm K…", Short: "Remove them", Example: "  offshoot project " + what + " rm OLD_KEY", Args: cobra.MinimumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		r.Unset = args
		return s.change(c.Context(), *r)
	}}
}

func listVariables(s *stdio, secret bool) *cobra.Command {
	example := "  offshoot project env ls"
	if secret {
		example = "  offshoot project secret ls"
	}
	return &cobra.Command{Use: "ls", Short: "List them; values of secrets are never shown", Example: example, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		client := s.client()
		project, err := s.needProject(c.Context(), client)
		if err != nil {
			return err
		}
		list, err := client.Variables(c.Context(), project)
		if err != nil {
			return err
		}
		kept := []wire.Variable{}
		for _, v := range list.Items {
			if v.Secret == secret {
				kept = append(kept, v)
			}
		}
		list.Items = kept
		if s.json {
			s.object(list)
			return nil
		}
		s.variables(kept)
		return nil
	}}
}

func (s *stdio) variables(list []wire.Variable) {
	for _, v := range list {
		value := "(sealed)"
		if v.Value != nil {
			value = *v.Value
		}
		var notes []string
		if v.Scope != "" {
			notes = append(notes, "for "+v.Scope)
		}
		if v.Build {
			notes = append(notes, "builds too")
		}
		if v.File != "" {
			notes = append(notes, "in "+v.File)
		}
		line := v.Key + "=" + value
		if len(notes) > 0 {
			line += "  (" + strings.Join(notes, ", ") + ")"
		}
		_, _ = fmt.Fprintln(s.out, line)
	}
}
