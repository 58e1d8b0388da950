package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func waitCommand(io *stdio) *cobra.Command {
	var phase string
	c := &cobra.Command{
		Use: "wait ENV", Short: "Wait until an environment rests, or reaches a phase; exit 1 where its last deployment failed", Example: "  offshoot wait . --for ready --timeout 5m", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if phase != "" && !slices.Contains(phases(), phase) {
				return staging.Errorf(staging.CodeUsage, "one of "+strings.Join(phases(), ", "), "%q is no phase", phase)
			}
			ctx := c.Context()
			client := io.client()
			v, err := io.environment(ctx, client, args[0])
			if err != nil {
				return err
			}
			if v, err = io.until(ctx, client, v.ID, func(v wire.Environment) bool { return waited(v, phase) }); err != nil {
				return err
			}
			if io.json {
				io.object(v)
			}
			if phase != "" && v.Phase != phase || phase == "" && failed(v) {
				return io.missed(v, phase)
			}
			if !io.json {
				_, err = fmt.Fprintln(io.out, v.Phase)
			}
			return err
		},
	}
	c.Flags().StringVar(&phase, "for", "", "a phase such as ready")
	io.timeoutFlag(c, "how long to wait")
	return c
}

// waited is whether there is nothing more to wait for: the phase is there, or
// cannot come without a person.
func waited(v wire.Environment, phase string) bool {
	switch staging.Phase(v.Phase) {
	case staging.Phase(phase), staging.PhaseDestroyed:
		return true
	case staging.PhaseReady, staging.PhaseAsleep:
		return phase == ""
	case staging.PhaseFailed, staging.PhaseDegraded:
		return phase == "" || phase == string(staging.PhaseReady) && v.Failure != nil
	}
	return false
}

// failed is whether an environment rests because its last deployment failed.
func failed(v wire.Environment) bool {
	return v.Failure != nil && (v.Phase == string(staging.PhaseFailed) || v.Phase == string(staging.PhaseDegraded))
}

// missed says why a phase did not come.
func (s *stdio) missed(v wire.Environment, phase string) error {
	if v.Failure != nil && v.Phase != string(staging.PhaseDestroyed) {
		s.failure(v.Failure)
		return &reported{1}
	}
	_, _ = fmt.Fprintf(s.err, "error: %s is %s and will not be %s\nhint: offshoot create %s makes a new one\n", v.Branch, v.Phase, phase, v.Branch)
	return &reported{3}
}
