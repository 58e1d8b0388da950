package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func tokenCommand(s *stdio) *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Keys to the server's API", Example: "  offshoot token create ci --project shop --role developer --expires 30d", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(tokenCreate(s), tokenLs(s), tokenRevoke(s))
	return c
}

func tokenCreate(s *stdio) *cobra.Command {
	var r wire.CreateToken
	var expires string
	c := &cobra.Command{
		Use: "create [NAME]", Short: "Make a token; it is shown this once", Args: cobra.MaximumNArgs(1),
		Example: "  offshoot token create ci --project shop --role developer --expires 30d",
		RunE: func(c *cobra.Command, args []string) error {
			if expires != "" {
				d, err := duration(expires)
				if err != nil {
					return err
				}
				if d <= 0 {
					return staging.Errorf(staging.CodeUsage, "for example 30d", "--expires must be positive")
				}
				r.ExpiresSeconds = int64(d.Seconds())
			}
			if len(args) > 0 {
				r.Name = args[0]
			}
			r.Project = s.project
			t, err := s.client().CreateToken(c.Context(), r)
			if err != nil {
				return err
			}
			if s.json {
				s.object(t)
				return nil
			}
			if !s.quiet {
				_, _ = fmt.Fprintf(s.err, "%s (%s): shown this once, keep it now\n", t.Name, t.Role)
			}
			_, err = fmt.Fprintln(s.out, t.Secret)
			return err
		},
	}
	c.Flags().StringVar(&r.Role, "role", string(staging.RoleViewer), "viewer, tester, developer or admin")
	c.Flags().StringVar(&expires, "expires", "", "when it ends, such as 30d (default: never)")
	return c
}

func tokenLs(s *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List tokens", Example: "  offshoot token ls", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := s.client().Tokens(c.Context())
			if err != nil {
				return err
			}
			if s.json {
				s.object(v)
				return nil
			}
			t := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
			_, _ = fmt.Fprintln(t, "ID\tNAME\tROLE\tPROJECT\tMADE\tBY\tEXPIRES")
			for _, k := range v.Items {
				expires := "never"
				switch {
				case k.Expired:
					expires = "expired"
				case k.ExpiresAt != nil:
					expires = until(*k.ExpiresAt)
				}
				_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Role, first(k.Project, "all"), ago(k.CreatedAt), k.CreatedBy, expires)
			}
			return t.Flush()
		},
	}
}

func tokenRevoke(s *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME-OR-ID", Short: "End a token at once", Example: "  offshoot token revoke ci", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.client().RevokeToken(c.Context(), args[0]); err != nil {
				return err
			}
			if s.json {
				s.object(map[string]string{"revoked": args[0]})
				return nil
			}
			_, err := fmt.Fprintln(s.out, "revoked", args[0])
			return err
		},
	}
}
