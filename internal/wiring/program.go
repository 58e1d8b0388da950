package wiring

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"

	"offshoot/internal/cli"
	"offshoot/internal/demo"
	"offshoot/internal/variable"
)

// Program is the commands with everything behind them.
func Program() cli.Program {
	return cli.Program{Serve: func(ctx context.Context, o cli.ServerOptions, ready func(api, edge string)) error {
		level := slog.LevelWarn
		if o.Verbose {
			level = slog.LevelDebug
		}
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
		return Serve(ctx, ServerConfig{Dir: o.Dir, Listen: o.Listen, EdgeListen: o.EdgeListen, Domain: o.Domain, Platform: o.Platform, DockerHost: cmp.Or(o.DockerHost, os.Getenv("DOCKER_HOST")), PublicURL: o.PublicURL,
			Version: cli.Version(), Log: log, Ready: func(api, edge, _ string) { ready(api, edge) },
			Upkeep: Upkeep{TTL: o.TTL, Sleep: o.Sleep, SnapshotAt: o.SnapshotAt, Every: o.UpkeepEvery}, Slots: o.Slots})
	}, InitPool: initPool, Doctor: examine, Engine: engineAnswers, Judge: variable.Judge, Demo: func(ctx context.Context, once bool, stdout, stderr io.Writer) error {
		cache, err := demo.Cache()
		if err != nil {
			return err
		}
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
		return demo.Run(ctx, demo.Options{Once: once, Examples: "examples", Cache: cache, Out: stdout, Err: stderr,
			Serve: func(ctx context.Context, dir, listen, edge string, ready func(api, edge, token string)) error {
				return Serve(ctx, ServerConfig{Dir: dir, Listen: listen, EdgeListen: edge, Domain: "localhost", Version: cli.Version(), Log: log,
					Ready: ready})
			}})
	}}
}
