// Package cli is what a person types: it parses, asks, shows and answers exit
// codes. It never touches the store or a driver.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
)

// Program is what the commands cannot do themselves.
type Program struct {
	// Serve runs a server until ctx ends.
	Serve func(ctx context.Context, o ServerOptions, stdout io.Writer) error
	// Demo shows the product, once or until ctx ends.
	Demo func(ctx context.Context, once bool, stdout io.Writer) error
}

// stdio is where a command writes.
type stdio struct {
	out, err io.Writer
	json     bool
	quiet    bool
	// server, project and timeout are flags of every command.
	server  string
	project string
	wait    waiting
}

// Main runs one command and answers its exit code.
func Main(ctx context.Context, p Program, args []string, stdout, stderr io.Writer) int {
	io := &stdio{out: stdout, err: stderr}
	root := newRoot(io, p)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var told *reported
	switch {
	case err == nil:
		return 0
	case errors.As(err, &told):
		return told.code
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		_, _ = fmt.Fprintln(stderr, "error: interrupted; what was asked for goes on")
		_, _ = fmt.Fprintln(stderr, "hint: offshoot ls shows it; offshoot destroy ENV undoes it")
		return 130
	}
	var known *staging.Error
	if !errors.As(err, &known) {
		// What cobra itself refuses is how the command was written.
		known = staging.Errorf(staging.CodeUsage, "see offshoot --help", "%w", err)
	}
	io.failed(known)
	return exitCode(known)
}

// reported is an error that the command has shown already.
type reported struct{ code int }

func (r *reported) Error() string { return fmt.Sprintf("exit code %d", r.code) }

func newRoot(io *stdio, p Program) *cobra.Command {
	root := &cobra.Command{
		Use:           "offshoot",
		Short:         "A staging environment for every branch",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().BoolVar(&io.json, "json", false, "print exactly one JSON object")
	root.PersistentFlags().BoolVarP(&io.quiet, "quiet", "q", false, "print no progress")
	root.PersistentFlags().StringVar(&io.server, "server", "", "the server's URL (default $OFFSHOOT_SERVER, the login's, or http://127.0.0.1:7070)")
	root.PersistentFlags().StringVarP(&io.project, "project", "p", "", "the project (default: the checkout's)")
	built := []*cobra.Command{versionCommand(io), serverCommand(p, io), projectCommand(io), checkCommand(io), createCommand(io), deployCommand(io),
		destroyCommand(io), lsCommand(io), showCommand(io), urlCommand(io), eventsCommand(io), waitCommand(io), logsCommand(io), statusCommand(io), envCommand(io), demoCommand(p, io), runtimeCommand(io), snapshotCommand(io), dataCommand(io)}
	built = append(built, sessionCommands(io)...)
	built = append(built, actCommands(io)...)
	root.AddCommand(built...)
	for _, name := range documented {
		root.AddCommand(notBuilt(name))
	}
	return root
}

// exitCode maps an error to the exit codes that scripts rely on.
func exitCode(e *staging.Error) int {
	switch e.Code {
	case staging.CodeUsage:
		return 2
	case staging.CodeNotFound:
		return 3
	case staging.CodeRefused, staging.CodeConflict, staging.CodeLimit, staging.CodeSuperseded, staging.CodeCancelled:
		return 4
	case staging.CodeUnauthenticated, staging.CodeForbidden:
		return 5
	case staging.CodeTimeout:
		return 6
	case staging.CodeUnreachable:
		return 7
	}
	return 1
}

func (s *stdio) failed(e *staging.Error) {
	if s.json {
		s.object(map[string]any{"error": map[string]string{"code": string(e.Code), "message": e.Message, "hint": e.Hint}})
	}
	_, _ = fmt.Fprintln(s.err, "error:", e.Message)
	if e.Hint != "" {
		_, _ = fmt.Fprintln(s.err, "hint:", e.Hint)
	}
}
