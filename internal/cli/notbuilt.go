package cli

import (
	"github.com/spf13/cobra"

	"offshoot/internal/staging"
)

// documented are the commands of the product that this build does not have.
// They are refused by name rather than called unknown.
var documented = []string{
	"mask",
	"freeze",
	"moment",
	"share",
	"user",
	"backup",
	"restore",
	"mcp",
	"ci",
	"aws",
}

func notBuilt(name string) *cobra.Command {
	return &cobra.Command{
		Use:                name,
		Hidden:             true,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
		RunE:               func(*cobra.Command, []string) error { return staging.NotBuilt("the command " + name) },
	}
}
