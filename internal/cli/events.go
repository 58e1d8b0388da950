package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
)

func eventsCommand(io *stdio) *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use: "events [ENV]", Short: "Show what happened", Long: "Show what happened.\n\n" + growing, Example: "  offshoot events -f\n  offshoot events . --json", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			client := io.client()
			id := ""
			if len(args) > 0 {
				v, err := io.environment(ctx, client, args[0])
				if err != nil {
					return err
				}
				id = v.ID
			}
			all := listing[staging.Event]{s: io, live: follow}
			var after int64
			reached, retry := false, patience{}
			for {
				wait := time.Duration(0)
				if follow {
					wait = eventWait
				}
				page, err := client.Events(ctx, apiclient.EventFilter{After: after, Environment: id, Project: io.project}, wait)
				if follow && ctx.Err() != nil {
					break
				}
				if follow && reached && retry.again(ctx, io, err) {
					continue
				}
				if err != nil {
					if io.json && io.printed {
						all.end()
					}
					return err
				}
				reached = true
				for _, e := range page.Items {
					if after = e.Seq; io.json {
						all.add(e)
					} else {
						io.under(fmt.Sprintf("%s  %-24s %-10s ", e.At.Format(time.RFC3339), e.Type, e.Actor), e.Message, 4)
					}
				}
				if len(page.Items) == 0 && !follow {
					break
				}
			}
			if io.json {
				all.end()
			}
			return io.interrupted(ctx)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until interrupted, over restarts of the server")
	io.timeoutFlag(c, reconnecting)
	return c
}

// interrupted is how a command ends that only a person ends.
func (s *stdio) interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return &reported{130}
	}
	return nil
}

// patience tries again while a server cannot be reached, as when it starts
// anew, until the timeout.
type patience struct {
	pause time.Duration
	lost  time.Time
	told  bool
}

// again is whether err is worth another try, which it waits for.
func (p *patience) again(ctx context.Context, s *stdio, err error) bool {
	if staging.CodeOf(err) != staging.CodeUnreachable || ctx.Err() != nil {
		p.pause, p.lost = 0, time.Time{}
		return false
	}
	if p.lost.IsZero() {
		p.lost = time.Now()
	}
	left := s.wait.timeout - time.Since(p.lost)
	if left <= 0 {
		return false
	}
	if !p.told && !s.quiet {
		_, _ = fmt.Fprintln(s.err, "note: the connection to the server broke; trying again")
	}
	p.told = true
	p.pause = min(max(2*p.pause, 100*time.Millisecond), 5*time.Second, left)
	timer := time.NewTimer(p.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
