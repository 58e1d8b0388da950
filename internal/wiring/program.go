package wiring

import (
	"context"
	"io"
	"log/slog"
	"os"

	"offshoot/internal/cli"
)

// Program is the commands with everything behind them.
func Program() cli.Program {
	return cli.Program{Serve: func(ctx context.Context, o cli.ServerOptions, stdout io.Writer) error {
		level := slog.LevelWarn
		if o.Verbose {
			level = slog.LevelDebug
		}
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
		return Serve(ctx, ServerConfig{Dir: o.Dir, Listen: o.Listen, EdgeListen: o.EdgeListen, Domain: o.Domain, PublicURL: o.PublicURL,
			Version: cli.Version(), Log: log, Stdout: stdout})
	}}
}
