package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionDocument is what `version --json` prints.
type versionDocument struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	System   string `json:"system"`
}

func versionCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which build this is",
		Example: "  offshoot version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if io.json {
				io.object(v)
				return nil
			}
			_, err := fmt.Fprintf(io.out, "offshoot %s (%s, %s, %s)\n", v.Version, v.Revision, v.Go, v.System)
			return err
		},
	}
}

// version is what the Go tool recorded when it built the program.
func version() versionDocument {
	v := versionDocument{Version: "unknown", Revision: "unknown", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}

// object prints the one JSON object of a command.
func (s *stdio) object(v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // only our own documents come here
	}
	s.printed = true
	_, _ = fmt.Fprintln(s.out, string(text))
}

// Version is this build's, for the server's status.
func Version() string { return version().Version }
