package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// maxSecret bounds a secret that is read from stdin, in bytes.
const maxSecret = 1 << 20

// secret reads what must not stand in an argument: from stdin, or typed
// without being shown.
func (s *stdio) secret(ctx context.Context, prompt string) (string, error) {
	if fd, ok := terminal(s.in); ok {
		_, _ = fmt.Fprint(s.err, prompt+": ")
		text, err := s.replied(ctx, func() (string, error) {
			text, err := term.ReadPassword(fd)
			return string(text), err
		})
		_, _ = fmt.Fprintln(s.err)
		return text, err
	}
	text, err := io.ReadAll(io.LimitReader(s.in, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = staging.Errorf(staging.CodeUsage, "send less", "more than %d bytes on stdin", maxSecret)
	}
	return string(text), err
}

func loginCommand(s *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "login URL", Short: "Sign in to a server: its token comes on stdin, or is asked for",
		Example: "  offshoot login https://offshoot.example.com\n  offshoot login http://127.0.0.1:7070 < /var/lib/offshoot/admin-token",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := serverURL(args[0])
			if err != nil {
				return err
			}
			token, err := s.secret(c.Context(), "Token for "+server)
			if err != nil {
				return err
			}
			if token = strings.TrimSpace(token); token == "" {
				return staging.Errorf(staging.CodeUsage, "an administrator makes one: offshoot token create", "no token on stdin")
			}
			client := &apiclient.Client{Base: server, Token: token, HTTP: &http.Client{}}
			who, err := client.Whoami(c.Context())
			if err != nil {
				return err
			}
			l, err := readLogins()
			if err != nil {
				return err
			}
			l.Current, l.Tokens[server] = server, token
			if err := l.save(); err != nil {
				return err
			}
			return s.who(server, who)
		},
	}
}

func logoutCommand(s *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Forget the token of the server that you are signed in to", Example: "  offshoot logout", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			l, err := readLogins()
			if err != nil {
				return err
			}
			server := l.Current
			if s.server != "" {
				if server, err = serverURL(s.server); err != nil {
					return err
				}
			}
			if _, ok := l.Tokens[server]; !ok {
				return staging.NotFound("offshoot login URL", "you are not signed in")
			}
			delete(l.Tokens, server)
			if l.Current == server {
				l.Current = ""
			}
			if err := l.save(); err != nil {
				return err
			}
			if s.json {
				s.object(map[string]string{"server": server})
				return nil
			}
			_, err = fmt.Fprintln(s.out, "signed out of", server)
			return err
		},
	}
}

func whoamiCommand(s *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "whoami", Short: "Say who the server takes you for", Example: "  offshoot whoami --json", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client := s.client()
			who, err := client.Whoami(c.Context())
			if err != nil {
				return err
			}
			return s.who(client.Base, who)
		},
	}
}

func (s *stdio) who(server string, w wire.Whoami) error {
	if s.json {
		s.object(struct {
			wire.Whoami
			URL string `json:"url"`
		}{w, server})
		return nil
	}
	of := "all projects"
	if w.Project != "" {
		of = "project " + w.Project
	}
	_, err := fmt.Fprintf(s.out, "%s (%s of %s) at %s\n", w.Name, w.Role, of, server)
	if err == nil && w.ExpiresAt != nil {
		_, err = fmt.Fprintf(s.out, "the token expires %s\n", w.ExpiresAt.Format(time.RFC3339))
	}
	return err
}

func openCommand(s *stdio) *cobra.Command {
	var dashboard bool
	c := &cobra.Command{
		Use: "open [ENV]", Short: "Open an environment in the browser, or the server's page", Example: "  offshoot open .\n  offshoot open --dashboard", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if dashboard == (len(args) > 0) {
				return staging.Errorf(staging.CodeUsage, "offshoot open ENV, or offshoot open --dashboard", "name an environment")
			}
			client := s.client()
			address, err := s.address(c.Context(), client, args)
			if err != nil {
				return err
			}
			if s.json {
				s.object(map[string]string{"url": address})
				return nil
			}
			_, _ = fmt.Fprintln(s.out, address)
			return browse(c.Context(), address)
		},
	}
	c.Flags().BoolVar(&dashboard, "dashboard", false, "the server's page, signed in by a link that works once")
	return c
}

// address is what open opens.
func (s *stdio) address(ctx context.Context, c *apiclient.Client, args []string) (string, error) {
	if len(args) == 0 {
		link, err := c.SignInLink(ctx)
		return c.Base + link.Path, err
	}
	v, err := s.environment(ctx, c, args[0])
	return v.URL, err
}
