package cli

import (
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
)

// ServerOptions are the flags of the server.
type ServerOptions struct {
	Dir, Listen, EdgeListen, Domain, PublicURL, Platform, TLS string
	Verbose                                                   bool
}

func serverCommand(p Program, io *stdio) *cobra.Command {
	var o ServerOptions
	c := &cobra.Command{
		Use:     "server",
		Short:   "Run the server",
		Long:    "Run the server until SIGTERM. Environments go on running without it.\nEach flag is also an environment variable: OFFSHOOT_DATA_DIR for --data-dir.",
		Example: "  offshoot server --data-dir /var/lib/offshoot --domain staging.example.com",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for name, value := range map[string]*string{"data-dir": &o.Dir, "listen": &o.Listen, "edge-listen": &o.EdgeListen, "domain": &o.Domain,
				"public-url": &o.PublicURL, "platform": &o.Platform, "tls": &o.TLS} {
				env := "OFFSHOOT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
				if v := os.Getenv(env); v != "" && !c.Flags().Changed(name) {
					*value = v
				}
			}
			if err := o.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM)
			defer stop()
			return p.Serve(ctx, o, io.out)
		},
	}
	c.Flags().StringVar(&o.Dir, "data-dir", dataDir(), "where everything is kept")
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:7070", "address of the API")
	c.Flags().StringVar(&o.EdgeListen, "edge-listen", "127.0.0.1:8080", "address of the environments")
	c.Flags().StringVar(&o.Domain, "domain", "localhost", "suffix of the environments' host names")
	c.Flags().StringVar(&o.PublicURL, "public-url", "", "pattern of the environments' URLs, with {host} (default: the edge's own address)")
	c.Flags().StringVar(&o.Platform, "platform", "auto", "where workloads run: auto or process")
	c.Flags().StringVar(&o.TLS, "tls", "off", "TLS of the edge: off")
	c.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "log what is done")
	c.AddCommand(notBuilt("install"))
	return c
}

func (o ServerOptions) check() error {
	if err := builtPlatform(o.Platform); err != nil {
		return err
	}
	switch {
	case o.TLS != "off":
		return staging.NotBuilt("--tls " + o.TLS)
	case o.PublicURL != "" && !strings.Contains(o.PublicURL, "{host}"):
		return staging.Errorf(staging.CodeUsage, "for example https://{host}", "--public-url has no {host} in it")
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(o.EdgeListen, "["), ":")
	if !strings.HasPrefix(o.EdgeListen, "127.") && host != "localhost" && !strings.HasPrefix(o.EdgeListen, "[::1]") {
		return staging.NotBuilt("an --edge-listen off loopback: environments have no access protection yet, which")
	}
	return nil
}

// builtPlatform refuses platforms that are not built, or do not exist.
func builtPlatform(name string) error {
	switch name {
	case "", "auto", "process":
		return nil
	case "docker", "kubernetes", "cloudformation":
		return staging.NotBuilt("the platform " + name)
	}
	return staging.Errorf(staging.CodeUsage, "auto or process", "platform %q", name)
}
