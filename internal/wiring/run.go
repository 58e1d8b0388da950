package wiring

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"offshoot/internal/edge"
	"offshoot/internal/platform"
)

// stopLimit is how long a stopping server finishes what is under way.
const stopLimit = 30 * time.Second

func (s *server) run(ctx context.Context, c ServerConfig, apiListener, edgeListener net.Listener) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	crowds := []*edge.Crowd{edge.NewCrowd(0), s.crowd}
	servers := []*http.Server{
		{Handler: s.api, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ConnState: crowds[0].State, ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug)},
		{Handler: s.edge, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, Protocols: protocols, ConnState: crowds[1].State, ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug)},
	}
	servers[1].RegisterOnShutdown(s.edge.Stop)
	failed := make(chan error, len(servers))
	var all sync.WaitGroup
	for i, l := range []net.Listener{apiListener, edgeListener} {
		all.Go(func() {
			if err := servers[i].Serve(crowds[i].Listener(l)); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	working, stopWork := context.WithCancel(ctx)
	defer stopWork()
	if err := s.upkeep.Start(ctx); err != nil {
		return err
	}
	for _, clusters := range s.clusters {
		all.Go(func() {
			if err := clusters.Warm(working); err != nil && working.Err() == nil {
				s.log.Warn("empty clusters", "error", err)
			}
		})
		all.Go(func() { clusters.Keep(working) })
	}
	all.Go(func() {
		if err := s.docker.RemovePrograms(working); err != nil && working.Err() == nil {
			s.log.Warn("what an earlier server ran in images", "error", err)
		}
	})
	all.Go(func() { s.watchAll(working) })
	for _, p := range []platform.Watcher{s.processes, s.docker} {
		all.Go(func() { s.watchWorkloads(working, p) })
	}
	all.Go(func() { s.metrics.Follow(working) })
	c.Ready("http://"+apiListener.Addr().String(), "http://"+edgeListener.Addr().String(), s.token)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stopWork()
	s.closing()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(stop) != nil {
			_ = server.Close()
		}
	}
	s.upkeep.Stop()
	s.engine.Stop()
	s.links.Stop()
	s.catcher.Stop()
	all.Wait()
	return errors.Join(err, s.docker.Close())
}
