package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// actCommands are the small things that are done to one environment.
func actCommands(io *stdio) []*cobra.Command {
	short := map[string]string{"sleep": "Stop what runs, keep the data", "wake": "Start what sleeps", "pin": "Never destroy it for being idle",
		"unpin": "Let it expire again"}
	var list []*cobra.Command
	for _, name := range []string{"sleep", "wake", "pin", "unpin"} {
		c := &cobra.Command{
			Use: name + " ENV", Short: short[name], Example: "  offshoot " + name + " .", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				ctx := c.Context()
				client := io.client()
				v, err := io.environment(ctx, client, args[0])
				if err != nil {
					return err
				}
				switch {
				case name == "wake" && io.waits():
					v, err = io.woken(ctx, client, v.ID)
				case name == "sleep" && io.waits():
					v, err = io.slept(ctx, client, v.ID)
				default:
					v, err = client.Act(ctx, v.ID, name, nil)
				}
				if err != nil {
					return err
				}
				return io.done(v, map[string]string{"pin": "pinned: it does not expire", "unpin": "not pinned, and " + keptUntil(v)}[name])
			},
		}
		io.waitFlags(c)
		list = append(list, c)
	}
	return append(list, &cobra.Command{
		Use: "extend ENV DURATION", Short: "Keep an environment longer", Example: "  offshoot extend . 24h", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := duration(args[1])
			if err != nil {
				return err
			}
			if d <= 0 {
				return staging.Errorf(staging.CodeUsage, "for example 24h", "%q is no time to extend by", args[1])
			}
			client := io.client()
			v, err := io.environment(c.Context(), client, args[0])
			if err == nil {
				v, err = client.Act(c.Context(), v.ID, "extend", wire.Extend{DurationSeconds: int64(d.Seconds())})
			}
			if err != nil {
				return err
			}
			return io.done(v, "kept: it "+keptUntil(v))
		},
	})
}

// woken wakes an environment and waits until it serves.
func (s *stdio) woken(ctx context.Context, c *apiclient.Client, id string) (wire.Environment, error) {
	v, err := s.brought(ctx, c, id, "wake", "sleep")
	switch {
	case err != nil:
	case v.Phase == string(staging.PhaseAsleep):
		err = staging.Errorf(staging.CodeConflict, "see who: offshoot events "+v.ID, "%s was put to sleep again", v.Branch)
	case v.Phase == string(staging.PhaseWaking):
		err = &staging.Error{Code: staging.CodeInternal, Message: v.Branch + " does not wake: " + v.Reason, Hint: "it is tried again; see offshoot logs " + v.ID}
	}
	return v, err
}

// slept puts an environment to sleep and waits until nothing of it runs.
func (s *stdio) slept(ctx context.Context, c *apiclient.Client, id string) (wire.Environment, error) {
	v, err := s.brought(ctx, c, id, "sleep", "wake")
	if err == nil && v.Awake {
		err = staging.Errorf(staging.CodeConflict, "see who: offshoot events "+v.ID, "%s is in use and stays awake", v.Branch)
	}
	return v, err
}

// brought does an action that another one undoes, and waits for its end.
func (s *stdio) brought(ctx context.Context, c *apiclient.Client, id, action, undo string) (wire.Environment, error) {
	v, err := c.Act(ctx, id, action, nil)
	if err != nil {
		return v, err
	}
	s.goesOn = "it goes on: offshoot wait " + id + " watches it, offshoot " + undo + " " + id + " undoes it"
	return s.until(ctx, c, id, settled(action))
}

// settled is when there is nothing more to wait for: it sleeps or somebody uses
// it after all; it serves or cannot.
func settled(action string) func(wire.Environment) bool {
	return func(v wire.Environment) bool {
		switch staging.Phase(v.Phase) {
		case staging.PhaseFailed, staging.PhaseDestroying, staging.PhaseDestroyed:
			return true
		case staging.PhaseAsleep:
			return action == "sleep" || !v.Awake // whoever came after wanted it so
		case staging.PhaseReady, staging.PhaseDegraded:
			return action == "wake" || v.Awake
		case staging.PhaseDeploying:
			return action == "wake" && served(v) // what is deployed is not waited for
		case staging.PhaseWaking:
			return action == "wake" && v.Reason != "" && !strings.HasPrefix(v.Reason, "waits ") || action == "sleep" && v.Awake
		}
		return false
	}
}

// served is whether all runs that the revision before a deployment has.
func served(v wire.Environment) bool {
	return v.Awake && v.Revision.Deployed != nil && !slices.ContainsFunc(v.Services, func(s wire.Service) bool { return s.Running < s.Replicas })
}

// keptUntil is until when an environment is kept.
func keptUntil(v wire.Environment) string {
	if v.ExpiresAt == nil {
		return "does not expire"
	}
	return "expires " + v.ExpiresAt.Format(time.RFC3339)
}

// done says what became of an environment: news, else its phase.
func (s *stdio) done(v wire.Environment, news string) error {
	if s.json {
		s.object(v)
		return nil
	}
	_, err := fmt.Fprintf(s.out, "%s is %s\n", v.Branch, first(news, v.Phase))
	return err
}
