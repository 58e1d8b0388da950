package cli

import (
	"fmt"
	"net"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
)

// ServerOptions are the flags of the server.
type ServerOptions struct {
	Dir, Listen, EdgeListen, Domain, PublicURL, Platform, DockerHost, TLS string
	Verbose                                                               bool
	// TTL, Sleep and SnapshotAt hold for projects that say nothing.
	TTL, Sleep, UpkeepEvery time.Duration
	SnapshotAt              string
	Slots                   int
}

// timeOfDay is an hour and minute.
var timeOfDay = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)

func serverCommand(p Program, io *stdio) *cobra.Command {
	var o ServerOptions
	var file string
	c := &cobra.Command{
		Use:     "server",
		Short:   "Run the server",
		Example: "  offshoot server --data-dir /var/lib/offshoot --domain staging.example.com\n  offshoot server --config /etc/offshoot.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnvironment(c.LocalFlags()); err != nil {
				return err
			}
			if file != "" {
				if err := fromFile(c.LocalFlags(), file); err != nil {
					return err
				}
			}
			if err := o.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM)
			defer stop()
			return p.Serve(ctx, o, func(api, edge string) {
				if io.json {
					io.object(map[string]any{"ready": true, "api": api, "edge": edge})
					return
				}
				_, _ = fmt.Fprintf(io.out, "offshoot ready api=%s edge=%s\n", api, edge) // nobody reads: it serves all the same
			})
		},
	}
	c.Flags().StringVar(&o.Dir, "data-dir", dataDir(), "where everything is kept")
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:7070", "address of the API")
	c.Flags().StringVar(&o.EdgeListen, "edge-listen", "127.0.0.1:8080", "address of the environments")
	c.Flags().StringVar(&o.Domain, "domain", "localhost", "suffix of the environments' host names")
	c.Flags().StringVar(&o.PublicURL, "public-url", "", "pattern of the environments' URLs, with {host} (default: the edge's own address)")
	c.Flags().StringVar(&o.Platform, "platform", "auto", "where workloads run: auto, process or docker")
	c.Flags().StringVar(&o.DockerHost, "docker-host", "", "the Docker engine: unix://PATH, tcp://HOST:2376, ssh://USER@HOST (default: DOCKER_HOST, else the usual socket)")
	c.Flags().StringVar(&o.TLS, "tls", "off", "TLS of the edge: off")
	o.TTL, o.Sleep = 72*time.Hour, 30*time.Minute
	c.Flags().Var(lasting{value: &o.TTL}, "ttl", "destroy an environment this long after its last activity (projects may say otherwise)")
	c.Flags().Var(lasting{value: &o.Sleep, endless: true}, "sleep", "let an environment sleep after this time without requests, or never")
	c.Flags().StringVar(&o.SnapshotAt, "snapshot-at", "03:00", `time of day, by this machine's clock, of the daily snapshot of shared staging, or "off"`)
	c.Flags().DurationVar(&o.UpkeepEvery, "upkeep-every", 15*time.Second, "how soon it is looked for environments that are idle, or due")
	c.Flags().IntVar(&o.Slots, "slots", 0, "how many environments are deployed at a time (default: twice the processors, 4 at least)")
	c.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "log what is done")
	c.Flags().StringVar(&file, configFlag, "", "a YAML file with these flags as keys")
	c.Long = settingsHelp(c.Flags())
	c.AddCommand(notBuilt("install"))
	return c
}

func (o ServerOptions) check() error {
	if err := builtPlatform(o.Platform); err != nil {
		return err
	}
	switch {
	case o.Slots < 0:
		return staging.Errorf(staging.CodeUsage, "for example 8", "--slots %d", o.Slots)
	case o.TTL < 0 || o.UpkeepEvery <= 0:
		return staging.Errorf(staging.CodeUsage, "for example 72h", "--ttl and --upkeep-every are durations above nothing")
	case o.SnapshotAt != "off" && !timeOfDay.MatchString(o.SnapshotAt):
		return staging.Errorf(staging.CodeUsage, `for example 03:00, or "off"`, "--snapshot-at %q is no time of day", o.SnapshotAt)
	case !slices.Contains([]string{"off", "acme", "files", "behind-proxy"}, o.TLS):
		return staging.Errorf(staging.CodeUsage, "off, acme, files or behind-proxy", "--tls %q", o.TLS)
	case o.TLS != "off":
		return staging.NotBuilt("--tls " + o.TLS)
	case o.PublicURL != "" && !strings.Contains(o.PublicURL, "{host}"):
		return staging.Errorf(staging.CodeUsage, "for example https://{host}", "--public-url has no {host} in it")
	}
	if !staging.IsDomain(o.Domain) {
		return staging.Errorf(staging.CodeUsage, "for example staging.example.com", "--domain %q is no domain", o.Domain)
	}
	for flag, address := range map[string]string{"--listen": o.Listen, "--edge-listen": o.EdgeListen} {
		if _, port, err := net.SplitHostPort(address); err != nil || !isPort(port) {
			return staging.Errorf(staging.CodeUsage, "for example 127.0.0.1:8080; 0 is any free port", "%s %q is no address", flag, address)
		}
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(o.EdgeListen, "["), ":")
	if !strings.HasPrefix(o.EdgeListen, "127.") && host != "localhost" && !strings.HasPrefix(o.EdgeListen, "[::1]") {
		return staging.NotBuilt("an --edge-listen off loopback: environments have no access protection yet, which")
	}
	return nil
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// builtPlatform refuses platforms that are not built, or do not exist.
func builtPlatform(name string) error {
	switch name {
	case "", "auto", "process", "docker":
		return nil
	case "kubernetes", "cloudformation":
		return staging.NotBuilt("the platform " + name)
	}
	return staging.Errorf(staging.CodeUsage, "auto, process or docker", "platform %q", name)
}
