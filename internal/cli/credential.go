package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func projectCredential(s *stdio) *cobra.Command {
	c := &cobra.Command{Use: "credential", Short: "Keys to the world outside, sealed", Example: "  offshoot project credential set git < key", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(credentialSet(s), credentialLs(s), credentialRm(s))
	return c
}

// credentialKinds are those of the product; git and registry are built.
func credentialKinds() []string { return []string{"git", "forge", "webhook", "registry"} }

func knownKind(kind string) error {
	switch {
	case !slices.Contains(credentialKinds(), kind):
		return staging.Errorf(staging.CodeUsage, strings.Join(credentialKinds(), ", "), "%q is no kind of credential", kind)
	case kind != "git" && kind != "registry":
		return staging.NotBuilt("the credential " + kind)
	}
	return nil
}

func credentialSet(s *stdio) *cobra.Command {
	r := wire.SetCredential{}
	var hosts string
	c := &cobra.Command{
		Use: "set git|registry", Short: "Set a credential that comes on stdin: a token or password, USER:PASSWORD, or a private key; it is tried at once", Args: onlyOnStdin(1, "git|registry"),
		Example: "  offshoot project credential set git < token.txt\n  offshoot project credential set git --known-hosts hosts.txt < id_ed25519\n  git credential fill | offshoot project credential set git\n" +
			"  offshoot project credential set registry --host registry.example.com --user robot < token.txt",
		RunE: func(c *cobra.Command, args []string) error {
			r.Kind = args[0]
			if err := knownKind(r.Kind); err != nil {
				return err
			}
			text, err := s.secret(c.Context(), "Token, password or private key")
			if err != nil {
				return err
			}
			if r.Secret = strings.TrimSpace(text); r.User == "" {
				r.User, r.Secret = splitCredential(text)
			}
			if r.Secret == "" {
				return staging.Errorf(staging.CodeUsage, "offshoot project credential set "+r.Kind+" < FILE", "there is no credential on stdin")
			}
			if r.Host != "" && r.Kind != "registry" {
				return staging.Errorf(staging.CodeUsage, "leave it out: the project's address has the host", "--host is for registries")
			}
			if hosts != "" {
				known, err := os.ReadFile(hosts)
				if err != nil {
					return staging.NotFound("name a file such as ssh-keyscan makes", "read known hosts: %w", err)
				}
				r.KnownHosts = string(known)
			}
			return s.credential(c, r)
		},
	}
	c.Flags().StringVar(&r.User, "user", "", "the name that goes with a password (default: the address's, or git)")
	c.Flags().StringVar(&r.Host, "host", "", "the registry as images name it (default: docker.io)")
	c.Flags().StringVar(&hosts, "known-hosts", "", "a file with the host's keys (default: believed when first seen)")
	return c
}

// splitCredential reads a private key, what `git credential fill` prints,
// USER:PASSWORD, or a token alone.
func splitCredential(text string) (user, secret string) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "-----BEGIN") {
		return "", text
	}
	if strings.Contains(text, "password=") && strings.Contains(text, "\n") {
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
			switch key {
			case "username":
				user = value
			case "password":
				secret = value
			}
		}
		return user, secret
	}
	if name, password, ok := strings.Cut(text, ":"); ok && !strings.Contains(text, "\n") {
		return name, password
	}
	return "", text
}

func (s *stdio) credential(c *cobra.Command, r wire.SetCredential) error {
	client := s.client()
	project, err := s.needProject(c.Context(), client)
	if err != nil {
		return err
	}
	if err := client.SetCredential(c.Context(), project, r); err != nil {
		return err
	}
	if s.json {
		s.object(map[string]any{"project": project, "kind": r.Kind})
		return nil
	}
	opens := "the repository"
	if r.Kind == "registry" {
		opens = "the registry " + cmp.Or(r.Host, "docker.io")
	}
	said := "the credential opens " + opens + ", and is kept sealed"
	if r.Secret == "" {
		said = "the credential is removed"
	}
	_, err = fmt.Fprintf(s.out, "%s: %s\n", project, said)
	return err
}

func credentialLs(s *stdio) *cobra.Command {
	return &cobra.Command{Use: "ls", Short: "Say which there are, never what they are", Example: "  offshoot project credential ls", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		client := s.client()
		project, err := s.needProject(c.Context(), client)
		if err != nil {
			return err
		}
		v, err := client.Credentials(c.Context(), project)
		if err != nil {
			return err
		}
		if s.json {
			s.object(v)
			return nil
		}
		for _, k := range v.Items {
			_, _ = fmt.Fprintln(s.out, strings.Join(strings.Fields(k.Kind+" "+k.Host+" "+k.User), " "))
		}
		return nil
	}}
}

func credentialRm(s *stdio) *cobra.Command {
	r := wire.SetCredential{}
	c := &cobra.Command{Use: "rm git|registry", Short: "Forget a credential", Example: "  offshoot project credential rm git\n  offshoot project credential rm registry --host registry.example.com", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		r.Kind = args[0]
		if err := knownKind(r.Kind); err != nil {
			return err
		}
		return s.credential(c, r)
	}}
	c.Flags().StringVar(&r.Host, "host", "", "that of one registry (default: of all)")
	return c
}

// projectSource is not built, but a password in its arguments is said first.
func projectSource() *cobra.Command {
	c := &cobra.Command{Use: "source", Short: "Databases from which snapshots are taken", Hidden: true, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return staging.NotBuilt("project source") }}
	c.AddCommand(&cobra.Command{Use: "set NAME", Short: "A database URL, on stdin", Hidden: true, Args: onlyOnStdin(1, "NAME"),
		RunE: func(*cobra.Command, []string) error { return staging.NotBuilt("project source set") }})
	return c
}
