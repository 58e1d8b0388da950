package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// DoctorOptions are the settings of the server that a host is looked at for.
type DoctorOptions struct {
	Dir, Listen, EdgeListen, Domain string
	// Running is whether that server runs.
	Running bool
}

// serverPatience is how long doctor waits for a server's answer.
const serverPatience = 5 * time.Second

func doctorCommand(p Program, io *stdio) *cobra.Command {
	var dir, domain string
	var leftovers, repair, all bool
	c := &cobra.Command{Use: "doctor", Short: "Look at this host: what works, what is lacking, what to do", Args: cobra.NoArgs,
		Long:    "Looks at this host with the eyes of a server, whether one runs or not, and changes nothing.\nEnds with 1 where something fails.",
		Example: "  offshoot doctor\n  offshoot doctor --domain staging.example.com\n  offshoot doctor --json",
		RunE: func(c *cobra.Command, _ []string) error {
			if leftovers || repair || all {
				return staging.NotBuilt("doctor --leftovers")
			}
			o := DoctorOptions{Dir: dir, Listen: first(os.Getenv("OFFSHOOT_LISTEN"), "127.0.0.1:7070"), EdgeListen: first(os.Getenv("OFFSHOOT_EDGE_LISTEN"), "127.0.0.1:8080"),
				Domain: first(domain, os.Getenv("OFFSHOOT_DOMAIN"), "localhost")}
			if !staging.IsDomain(o.Domain) {
				return staging.Errorf(staging.CodeUsage, "for example --domain staging.example.com", "%q is no domain", o.Domain)
			}
			server := io.askServer(c.Context())
			o.Running = server.State == "ok"
			checks, err := p.Doctor(c.Context(), o)
			if err != nil {
				return err
			}
			checks = append(checks, server)
			report := wire.Checkup{OK: true, Items: checks}
			for _, check := range checks {
				report.OK = report.OK && check.State != "fail"
			}
			if io.json {
				io.object(report)
			} else {
				io.checkup(report)
			}
			if !report.OK {
				return &reported{1}
			}
			return nil
		}}
	c.Flags().StringVar(&dir, "data-dir", dataDir(), "the server's data folder")
	c.Flags().BoolVar(&leftovers, "leftovers", false, "what is left of environments that are gone")
	c.Flags().BoolVar(&repair, "repair", false, "with --leftovers: take it away")
	c.Flags().BoolVar(&all, "all", false, "with --repair: all of it")
	c.Flags().StringVar(&domain, "domain", "", "where the names below this domain lead (default: the server's)")
	return c
}

// askServer is whether a server answers; that none runs is no fault.
func (s *stdio) askServer(ctx context.Context) wire.Check {
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	client := s.client()
	status, err := client.Status(ctx)
	check := wire.Check{Name: "server", State: "warn"}
	var known *staging.Error
	switch {
	case err == nil && status.Late:
		check.State, check.Message, check.Remedy = "fail", client.Base+" answers, but something that it does by itself is late", "offshoot status; then the server's log"
	case err == nil:
		check.State, check.Message = "ok", client.Base+" answers, version "+status.Version
	case staging.CodeOf(err) == staging.CodeUnreachable || ctx.Err() != nil:
		check.State, check.Message, check.Remedy = "warn", "none answers at "+client.Base, "offshoot server"
	default:
		check.Message = err.Error()
		if errors.As(err, &known) {
			check.Remedy = known.Hint
		}
	}
	return check
}

// checkIndent is where what a check says begins.
const checkIndent = 24

func (s *stdio) checkup(report wire.Checkup) {
	for _, check := range report.Items {
		s.under(fmt.Sprintf("%-4s  %-17s ", check.State, check.Name), check.Message, checkIndent)
		if check.State != "ok" && check.Remedy != "" {
			s.under(strings.Repeat(" ", checkIndent)+"-> ", check.Remedy, checkIndent+3)
		}
	}
}
