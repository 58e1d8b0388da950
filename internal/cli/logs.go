package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func logsCommand(io *stdio) *cobra.Command {
	var f logFlags
	c := &cobra.Command{
		Use: "logs ENV [SERVICE]", Short: "Show what services wrote", Long: "Show what services wrote.\n\n" + growing, Args: cobra.RangeArgs(1, 2),
		Example: "  offshoot logs . web -f\n  offshoot logs . --step build\n  offshoot logs staging worker --since 10m --tail 100\n  offshoot logs . web --previous",
		RunE: func(c *cobra.Command, args []string) error {
			if f.step != "" && f.step != "build" && f.step != "init" && f.step != "release" && f.step != "seed" && !strings.HasPrefix(f.step, "hook:") {
				return staging.Errorf(staging.CodeUsage, "build, init, release, seed or hook:NAME", "--step %q", f.step)
			}
			if f.follow && f.previous {
				return staging.Errorf(staging.CodeUsage, "leave out one of them", "what has ended cannot be followed")
			}
			if f.tail < 0 && c.Flags().Changed("tail") {
				return staging.Errorf(staging.CodeUsage, "for example --tail 100; without it there are all", "--tail %d: no number of lines", f.tail)
			}
			since, err := f.begin(time.Now())
			if err != nil {
				return err
			}
			client := io.client()
			v, err := io.environment(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			var unknown error
			q := url.Values{"step": {f.step}, "follow": {strconv.FormatBool(f.follow)}, "previous": {strconv.FormatBool(f.previous)}, "tail": {strconv.Itoa(f.tail)}}
			if len(args) > 1 {
				q.Set("service", args[1])
				unknown = noSuchService(v, args[1])
			}
			if !since.IsZero() {
				q.Set("since", since.UTC().Format(time.RFC3339Nano))
			}
			return io.logs(c.Context(), client, v.ID, q, f.follow, unknown)
		},
	}
	c.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on until interrupted, over redeploys and restarts")
	c.Flags().BoolVar(&f.previous, "previous", false, "of the instances that ran before")
	c.Flags().IntVar(&f.tail, "tail", wholeLog, "only so many of the last lines")
	c.Flags().Lookup("tail").DefValue = "all"
	c.Flags().StringVar(&f.since, "since", "", "only lines of the last while (10m), or from a time on (RFC 3339)")
	c.Flags().StringVar(&f.step, "step", "", "build, init, release, seed or hook:NAME")
	io.timeoutFlag(c, reconnecting)
	return c
}

// wholeLog is the tail that leaves out no line.
const wholeLog = -1

type logFlags struct {
	follow, previous bool
	tail             int
	since, step      string
}

// begin is the instant that --since names, zero for none.
func (f logFlags) begin(now time.Time) (time.Time, error) {
	if f.since == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, f.since); err == nil {
		return at, nil
	}
	d, err := duration(f.since)
	return now.Add(-d), err
}

// noSuchService says which services there are where one is asked for that does
// not run, nil where it does. Logs of one that ran before are shown all the same.
func noSuchService(v wire.Environment, name string) error {
	var names []string
	for _, x := range v.Services {
		names = append(names, x.Name)
	}
	for _, x := range v.Data {
		names = append(names, x.Name)
	}
	if slices.Contains(names, name) {
		return nil
	}
	return staging.NotFound("it has "+first(strings.Join(names, ", "), "none yet"), "%s has no service %q", v.Branch, name)
}

// logs shows lines. Following, it goes on after the last line of each instance
// when the connection breaks: none is lost or shown twice. unknown is answered
// where there is no line.
func (s *stdio) logs(ctx context.Context, c *apiclient.Client, id string, q url.Values, follow bool, unknown error) error {
	lines := listing[wire.LogLine]{s: s, live: follow}
	seen := map[string]string{}
	retry := patience{}
	for {
		err := c.Logs(ctx, id, q, func(l wire.LogLine) error {
			if len(seen) == 0 && q.Get("since") == "" {
				q.Set("since", l.At.Format(time.RFC3339Nano)) // where --tail began
			}
			seen[l.Name] = l.Position
			retry = patience{}
			if s.json {
				lines.add(l)
				return nil
			}
			_, err := fmt.Fprintf(s.out, "%s %-8s %s\n", l.At.Local().Format("15:04:05.000"), l.Service, strings.TrimRight(l.Text, "\r"))
			return err
		})
		if !follow && err == nil && len(seen) == 0 && unknown != nil {
			return unknown
		}
		if !follow || ctx.Err() != nil {
			if s.json && (err == nil || errors.Is(err, context.Canceled)) {
				lines.end()
			}
			if ctx.Err() != nil {
				return &reported{130}
			}
			return err
		}
		if err == nil {
			// The server stops, or the environment is gone.
			v, lost := c.Environment(ctx, id)
			if lost == nil && v.Phase == string(staging.PhaseDestroyed) {
				if s.json {
					lines.end()
				}
				return nil
			}
			err = staging.Errorf(staging.CodeUnreachable, "", "the stream ended")
		}
		if !retry.again(ctx, s, err) && ctx.Err() == nil {
			if s.json && s.printed {
				lines.end()
			}
			return err
		}
		q.Set("tail", strconv.Itoa(wholeLog))
		q.Del("after")
		for name, position := range seen {
			q.Add("after", name+"@"+position)
		}
	}
}
