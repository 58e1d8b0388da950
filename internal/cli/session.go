package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// sessionCommands are those that run something in an environment.
func sessionCommands(io *stdio) []*cobra.Command {
	var data string
	dashed := func(c *cobra.Command, args []string) (before, after []string) {
		if at := c.ArgsLenAtDash(); at >= 0 {
			return args[:at], args[at:]
		}
		return args, nil
	}
	console := &cobra.Command{Use: "console ENV [SERVICE] [-- CMD…]", Short: "A shell or command in a fresh sandbox with the service's code and variables",
		Example: "  offshoot console .\n  offshoot console . web -- ./bin/report", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			before, after := dashed(c, args)
			if len(before) < 1 || len(before) > 2 {
				return staging.Errorf(staging.CodeUsage, "offshoot console ENV [SERVICE] -- CMD", "name one environment, and at most one service")
			}
			s := wire.Session{Command: after}
			if len(before) == 2 {
				s.Service = before[1]
			}
			return io.attach(c.Context(), before[0], s)
		}}
	exec := &cobra.Command{Use: "exec ENV SERVICE -- CMD…", Short: "A command in the running service", Example: "  offshoot exec . web -- ps ax", Args: cobra.MinimumNArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			before, after := dashed(c, args)
			if len(before) != 2 || len(after) == 0 {
				return staging.Errorf(staging.CodeUsage, "offshoot exec ENV SERVICE -- CMD", "name an environment, a service, and after -- a command")
			}
			return io.attach(c.Context(), before[0], wire.Session{Service: before[1], Beside: true, Command: after})
		}}
	psql := &cobra.Command{Use: "psql ENV [-- ARGS…]", Short: "psql in the environment's Postgres; a script on stdin works too", Example: "  offshoot psql . -- -c 'select 1'", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return io.attach(c.Context(), args[0], wire.Session{Client: "psql", Data: data, Command: args[1:]})
		}}
	psql.Flags().StringVar(&data, "data", "", "the datastore (default: the first)")
	redis := &cobra.Command{Use: "redis-cli ENV [ARGS…] [-- ARGS…]", Short: "redis-cli in the environment's Redis", Example: "  offshoot redis-cli . get key\n  offshoot redis-cli . -- --scan", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return io.attach(c.Context(), args[0], wire.Session{Client: "redis-cli", Command: args[1:]})
		}}
	for _, c := range []*cobra.Command{console, exec, psql, redis} {
		io.timeoutFlag(c, waking)
		c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
			return staging.Errorf(staging.CodeUsage, "what is the program's own stands after --: offshoot "+c.Use, "%w", err)
		})
	}
	return []*cobra.Command{console, exec, psql, redis, tunnelCommand(io)}
}

// attach runs a session with this terminal, and answers the command's own exit
// code.
func (s *stdio) attach(ctx context.Context, name string, want wire.Session) error {
	if s.json && len(want.Command) == 0 && want.Client == "" && want.Job == "" {
		return staging.Errorf(staging.CodeUsage, "offshoot console ENV --json -- CMD", "--json needs a command")
	}
	client := s.client()
	v, err := s.entered(ctx, client, name)
	if err != nil {
		return err
	}
	if s.json {
		return s.runOnce(ctx, client, v.ID, want)
	}
	held, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP) // so that the terminal is put back
	defer stop()
	resize, restore, err := s.raw(held, &want)
	if err != nil {
		return err
	}
	code, err := client.Attach(held, v.ID, want, s.in, device(s.out), device(s.err), resize)
	restore()
	if held.Err() != nil && ctx.Err() == nil {
		return &reported{128 + int(syscall.SIGTERM)}
	}
	if err != nil {
		return err
	}
	if code != 0 {
		return &reported{code}
	}
	return nil
}

// entered is the environment that a person names, awake: what is done inside
// has no time limit, waking it has. A service that does not come up keeps
// nobody out: a task and the data are there without it.
func (s *stdio) entered(ctx context.Context, c *apiclient.Client, name string) (wire.Environment, error) {
	v, err := s.environment(ctx, c, name)
	if err == nil && (v.Phase == string(staging.PhaseAsleep) || v.Phase == string(staging.PhaseWaking)) {
		if v, err = s.brought(ctx, c, v.ID, "wake", "sleep"); err == nil && v.Phase == string(staging.PhaseWaking) {
			s.say("%s does not wake: %s", v.Branch, v.Reason)
		}
	}
	if err == nil {
		s.subject, s.goesOn = nil, "what ran in it for you has ended with the connection"
	}
	return v, err
}

// runOnce runs a command or job without a terminal and prints how it ended as
// one object.
func (s *stdio) runOnce(ctx context.Context, c *apiclient.Client, id string, want wire.Session) error {
	v, err := s.ranOnce(ctx, c, id, want)
	if err != nil {
		return err
	}
	s.object(v)
	if v.ExitCode != 0 {
		return &reported{v.ExitCode}
	}
	return nil
}

func (s *stdio) ranOnce(ctx context.Context, c *apiclient.Client, id string, want wire.Session) (wire.RunResult, error) {
	if want.Job != "" {
		return c.RunJob(ctx, id, want.Job)
	}
	r := wire.Run{Service: want.Service, Beside: want.Beside, Client: want.Client, Data: want.Data, Command: want.Command}
	if !s.asks() {
		text, err := io.ReadAll(io.LimitReader(s.in, maxSecret))
		if err != nil {
			return wire.RunResult{}, err
		}
		r.Stdin = string(text)
	}
	return c.Run(ctx, id, r)
}

// raw hands this terminal over to the session, where there is one; restore
// puts it back, and must be called on every way out.
func (s *stdio) raw(ctx context.Context, want *wire.Session) (resize <-chan wire.TerminalSize, restore func(), err error) {
	nothing := func() {}
	in, inOK := terminal(s.in)
	out, outOK := terminal(s.out)
	if !inOK || !outOK {
		return nil, nothing, nil
	}
	want.TTY, want.Term, want.Size = true, os.Getenv("TERM"), terminalSize(out)
	old, err := term.MakeRaw(in)
	if err != nil {
		return nil, nothing, err
	}
	ctx, cancel := context.WithCancel(ctx)
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	sizes := make(chan wire.TerminalSize)
	go func() {
		for {
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
			select {
			case sizes <- terminalSize(out):
			case <-ctx.Done():
				return
			}
		}
	}()
	return sizes, func() {
		cancel()
		signal.Stop(changed)
		_ = term.Restore(in, old)
	}, nil
}

func terminalSize(fd int) wire.TerminalSize {
	cols, rows, err := term.GetSize(fd)
	if err != nil {
		return wire.TerminalSize{Rows: 24, Cols: 80}
	}
	return wire.TerminalSize{Rows: uint16(rows), Cols: uint16(cols)}
}

func tunnelCommand(s *stdio) *cobra.Command {
	var port int
	c := &cobra.Command{Use: "tunnel ENV DATASTORE", Short: "A loopback port to a datastore, for desktop tools, until interrupted", Example: "  offshoot tunnel . db --port 5433", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if port < 0 || port > 65535 {
				return staging.Errorf(staging.CodeUsage, "0 for any, or up to 65535", "--port %d is no port", port)
			}
			ctx := c.Context()
			client := s.client()
			v, err := s.entered(ctx, client, args[0])
			if err != nil {
				return err
			}
			first, err := client.Tunnel(ctx, v.ID, args[1]) // says now what is wrong
			if err != nil {
				return err
			}
			_ = first.Close()
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				return staging.Refused("choose another --port", "listen: %w", err)
			}
			context.AfterFunc(ctx, func() { _ = l.Close() })
			if s.json {
				s.object(map[string]string{"address": l.Addr().String()})
			} else {
				_, _ = fmt.Fprintln(s.out, l.Addr())
			}
			for {
				local, err := l.Accept()
				if err != nil {
					if ctx.Err() != nil {
						return s.interrupted(ctx)
					}
					return err
				}
				go func() {
					defer func() { _ = local.Close() }()
					remote, err := client.Tunnel(ctx, v.ID, args[1])
					if err != nil {
						_, _ = fmt.Fprintln(s.err, "error:", err)
						return
					}
					defer func() { _ = remote.Close() }()
					go func() { _, _ = io.Copy(remote, local); _ = remote.Close() }()
					_, _ = io.Copy(local, remote)
				}()
			}
		}}
	c.Flags().IntVar(&port, "port", 0, "the local port (default: any)")
	s.timeoutFlag(c, waking)
	return c
}
