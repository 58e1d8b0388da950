// Package cli is what a person types: it parses, asks, shows and answers exit
// codes. It never touches the store or a driver.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Program is what the commands cannot do themselves.
type Program struct {
	// Serve runs a server until ctx ends; ready is told its URLs once it answers.
	Serve func(ctx context.Context, o ServerOptions, ready func(api, edge string)) error
	// InitPool makes a pool of that many bytes in a server's data folder, and
	// answers a report of it.
	InitPool func(ctx context.Context, dir string, size int64, tell func(string)) (any, error)
	// Doctor looks at this host.
	Doctor func(ctx context.Context, o DoctorOptions) ([]wire.Check, error)
	// Engine answers where a Docker engine of this host does.
	Engine func(ctx context.Context) error
	// Judge is the guard of variables for data.
	Judge Judge
	// Demo shows the product, once or until ctx ends.
	Demo func(ctx context.Context, once bool, stdout, stderr io.Writer) error
}

// stdio is where a command writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	quiet    bool
	// server, project and wait are flags of every command.
	server  string
	project string
	wait    waiting
	// ran is whether the command line was understood; printed, whether the one
	// JSON object of a command was.
	ran, printed bool
	// subject is the object that the command is about, shown with an error.
	subject any
	// goesOn says how to watch and undo what an interrupted command began.
	goesOn string
}

// Main runs one command and answers its exit code.
func Main(ctx context.Context, p Program, args []string, stdout, stderr io.Writer) int {
	stdout, stderr = onScreen(stdout), onScreen(stderr)
	io := &stdio{in: os.Stdin, out: stdout, err: stderr}
	root := newRoot(io, p)
	io.json = asksJSON(args)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	c, err := root.ExecuteContextC(ctx)
	var told *reported
	if err == nil {
		return 0
	}
	if errors.As(err, &told) {
		return told.code
	}
	var known *staging.Error
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		io.failed(staging.Errorf(staging.CodeCancelled, first(io.goesOn, "nothing was begun, or it goes on: offshoot ls"), "interrupted"))
		return 130
	case errors.As(err, &known):
	case !io.ran:
		known = staging.Errorf(staging.CodeUsage, c.CommandPath()+" --help shows how", "%w", err)
	default:
		known = staging.Errorf(staging.CodeInternal, "run it again; if it stays, report it with the output of offshoot version", "%w", err)
	}
	io.failed(known)
	return exitCode(known)
}

// asksJSON is whether --json is among the arguments, so that also an error in
// the arguments is an object.
func asksJSON(args []string) bool {
	for _, a := range args {
		switch a {
		case "--json", "--json=true":
			return true
		case "--":
			return false
		}
	}
	return false
}

func newRoot(io *stdio, p Program) *cobra.Command {
	root := &cobra.Command{
		Use:           "offshoot",
		Short:         "A staging environment for every branch",
		Example:       "  offshoot create    # of the branch that you are on: its own copy of everything, with data\n  offshoot ls\n  offshoot destroy .",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(c.ValidateRequiredFlags(), c.ValidateFlagGroups()); err != nil {
				return err
			}
			io.ran = true
			if io.wait.timeout < 0 {
				return staging.Errorf(staging.CodeUsage, "for example --timeout 10m", "--timeout %s is before now", io.wait.timeout)
			}
			return nil
		},
	}
	root.PersistentFlags().BoolVar(&io.json, "json", false, "print exactly one JSON object")
	root.PersistentFlags().BoolVarP(&io.quiet, "quiet", "q", false, "print no progress")
	root.PersistentFlags().StringVar(&io.server, "server", "", "the server's URL (default $OFFSHOOT_SERVER, the login's, or http://127.0.0.1:7070)")
	root.PersistentFlags().StringVarP(&io.project, "project", "p", "", "the project (default: the checkout's)")
	built := []*cobra.Command{
		aliasesCommand(io),
		checkCommand(p, io),
		createCommand(io),
		completionCommand(io),
		cronCommand(io),
		dataCommand(io),
		storageCommand(p, io),
		demoCommand(p, io),
		deployCommand(io),
		destroyCommand(io),
		envCommand(io),
		eventsCommand(io),
		linkCommand(io),
		loginCommand(io),
		logoutCommand(io),
		logsCommand(io),
		lsCommand(io),
		mailCommand(io),
		openCommand(io),
		projectCommand(io),
		runtimeCommand(io), doctorCommand(p, io),
		scaleCommand(io),
		serverCommand(p, io),
		showCommand(io),
		snapshotCommand(io),
		statusCommand(io),
		sweepCommand(io),
		tokenCommand(io),
		urlCommand(io),
		versionCommand(io),
		waitCommand(io),
		whoamiCommand(io),
	}
	built = append(built, sessionCommands(io)...)
	built = append(built, actCommands(io)...)
	root.AddCommand(built...)
	for _, name := range documented {
		root.AddCommand(notBuilt(name))
	}
	io.helps(root)
	group(root)
	explain(root)
	io.completes(root)
	return root
}

// Commands are the names of all commands that people see.
func Commands() []string {
	var names []string
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		names = append(names, c.CommandPath())
		for _, sub := range c.Commands() {
			if !sub.Hidden {
				walk(sub)
			}
		}
	}
	walk(newRoot(&stdio{}, Program{}))
	return names
}
