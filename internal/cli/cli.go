// Package cli is what a person types: it parses, asks, shows and answers exit
// codes. It never touches the store or a driver.
package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
)

// stdio is where a command writes.
type stdio struct {
	out, err io.Writer
	json     bool
	quiet    bool
}

// Main runs one command and answers its exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	io := &stdio{out: stdout, err: stderr}
	root := newRoot(io)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return 0
	}
	var known *staging.Error
	if !errors.As(err, &known) {
		// What cobra itself refuses is how the command was written.
		known = staging.Errorf(staging.CodeUsage, "see offshoot --help", "%w", err)
	}
	io.failed(known)
	return exitCode(known)
}

func newRoot(io *stdio) *cobra.Command {
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
	root.AddCommand(versionCommand(io))
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
