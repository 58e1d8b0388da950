package imagebuild

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"offshoot/internal/staging"
)

const (
	// settle is how long a build that was ended may take until BuildKit says that
	// it is over: its steps are killed by then.
	settle = 15 * time.Second
	// answerSize bounds one message of BuildKit's.
	answerSize = 16 << 20
)

var errTimeout = errors.New("it took too long")

// order is one build as BuildKit takes it.
type order struct {
	// id is that of this build alone: names of what it makes and forgets.
	id      string
	tag     string
	opts    map[string]string
	imports []cacheImport
	locals  map[string]fsutil.FS
	secrets map[string][]byte
	ask     Credentials
}

// connect is a connection to the BuildKit of the engine. It is never made
// again: what was lost with it is not known.
func (b *Builder) connect(ctx context.Context) (*grpc.ClientConn, error) {
	conn, err := b.dial(ctx, "/grpc", "h2c", nil)
	if err != nil {
		return nil, err
	}
	var dialled atomic.Bool
	cc, err := grpc.NewClient("passthrough:///engine",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if dialled.Swap(true) {
				return nil, errors.New("the connection was lost")
			}
			return conn, nil
		}),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0), grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(answerSize), grpc.MaxCallSendMsgSize(answerSize)))
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return cc, nil
}

// dial makes one connection within the time of a call.
func (b *Builder) dial(ctx context.Context, url, proto string, meta map[string][]string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Call)
	defer cancel()
	return b.Engine.DialHijack(ctx, url, proto, meta)
}

// solve has BuildKit carry out o. It returns when nothing of it goes on any
// more, or when BuildKit did not say so in time.
func (b *Builder) solve(ctx context.Context, o order, p *progress) error {
	cc, err := b.connect(ctx)
	if err != nil {
		return &lost{err}
	}
	defer func() { _ = cc.Close() }()
	began := time.Now()
	engine := control.NewControlClient(cc)
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s, err := session.NewSession(own, o.id)
	if err != nil {
		return err
	}
	s.Allow(filesync.NewFSSyncProvider(filesync.StaticDirSource(o.locals)))
	s.Allow(secretsprovider.FromMap(o.secrets))
	s.Allow(&registries{ask: o.ask})

	solving, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var around errgroup.Group
	ready := make(chan struct{})
	around.Go(func() error {
		err := s.Run(own, func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			conn, err := b.dial(ctx, "/session", proto, meta)
			close(ready) // BuildKit waits only some seconds for it
			return conn, err
		})
		if err != nil {
			cancel(&lost{err})
		}
		return nil
	})
	over := make(chan struct{})
	around.Go(func() error {
		defer close(over)
		follow(own, engine, o.id, p)
		return nil
	})
	go b.watch(solving, func() { cancel(&lost{errors.New("the engine does not answer any more")}) })
	<-ready
	_, err = engine.Solve(solving, o.request(s.ID()))
	if cause := context.Cause(solving); cause != nil {
		err = cause
	}
	select {
	case <-over:
	case <-time.After(settle):
	}
	_ = s.Close()
	stop()
	_ = around.Wait()
	// Where this fails the engine's own collector is left to it.
	_ = b.forget(context.WithoutCancel(ctx), engine, o, began)
	return err
}

// request is o in BuildKit's words. No entitlement is ever part of it.
func (o order) request(sessionID string) *control.SolveRequest {
	attrs := map[string]string{"name": o.tag}
	r := &control.SolveRequest{Ref: o.id, Session: sessionID, Frontend: "dockerfile.v0", FrontendAttrs: o.opts, Cache: &control.CacheOptions{},
		Exporters:          []*control.Exporter{{Type: "moby", Attrs: attrs}},
		ExporterDeprecated: "moby", ExporterAttrsDeprecated: attrs}
	for _, i := range o.imports {
		r.Cache.Imports = append(r.Cache.Imports, &control.CacheOptionsEntry{Type: i.Type, Attrs: i.Attrs})
	}
	return r
}

// follow tells p of a build until BuildKit says that it is over.
func follow(ctx context.Context, engine control.ControlClient, id string, p *progress) {
	stream, err := engine.Status(ctx, &control.StatusRequest{Ref: id})
	if err != nil {
		return
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			return // the end, or the build's own error says it
		}
		p.tell(r)
	}
}

// watch tells of an engine that no longer answers: a build may be silent for
// long, so its own connection does not show it.
func (b *Builder) watch(ctx context.Context, gone func()) {
	every := time.NewTicker(b.Call)
	defer every.Stop()
	for missed := 0; missed < 3; {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if _, err := b.version(ctx); err != nil {
			missed++
			continue
		}
		missed = 0
	}
	gone()
}

// prefix begins the names of all that this server sends to BuildKit.
func (b *Builder) prefix() string { return "offshoot-" + b.domain.sum("server", b.Server)[:8] + "-" }

// forget has BuildKit drop its copies of the contexts: it would find them again
// by their times and sizes, and a build must not depend on those. A copy of the
// same name that another's build made since this one began may go too; it is
// made again.
func (b *Builder) forget(ctx context.Context, engine control.ControlClient, o order, began time.Time) error {
	return b.drop(ctx, engine, func(r *control.UsageRecord, name string) bool {
		// The clocks of an engine elsewhere may differ a little.
		return o.locals[name] != nil && r.CreatedAt.AsTime().After(began.Add(-time.Minute))
	})
}

// sweep has BuildKit drop the copies that builds left which were cut off.
func (b *Builder) sweep(ctx context.Context) error {
	cc, err := b.connect(ctx)
	if err != nil {
		return disconnected("", err)
	}
	defer func() { _ = cc.Close() }()
	return b.drop(ctx, control.NewControlClient(cc), func(r *control.UsageRecord, name string) bool {
		return strings.HasPrefix(name, b.prefix()) && time.Since(r.CreatedAt.AsTime()) > passing
	})
}

// drop removes copies of contexts that nothing uses.
func (b *Builder) drop(ctx context.Context, engine control.ControlClient, which func(r *control.UsageRecord, name string) bool) error {
	ctx, cancel := context.WithTimeout(ctx, b.Call)
	defer cancel()
	used, err := engine.DiskUsage(ctx, &control.DiskUsageRequest{})
	if err != nil {
		return err
	}
	for _, r := range used.Record {
		name, ok := strings.CutPrefix(r.Description, "local source for ")
		if !ok || r.InUse || !which(r, name) {
			continue
		}
		if err := prune(ctx, engine, r.ID); err != nil {
			return err
		}
	}
	return nil
}

func prune(ctx context.Context, engine control.ControlClient, id string) error {
	stream, err := engine.Prune(ctx, &control.PruneRequest{Filter: []string{"id==" + id}, All: true})
	if err != nil {
		return err
	}
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// lost is that the engine was not there, or went away.
type lost struct{ error }

func (l *lost) Unwrap() error { return l.error }

// failed is an error that a deployment ends with.
func failed(class staging.Class, image, hint, format string, args ...any) *staging.Error {
	e := staging.Errorf(staging.ClassCode(class), hint, format, args...)
	e.Failure = &staging.Failure{Class: class, Step: staging.StepBuild, Service: image, Message: e.Message, Hint: hint}
	return e
}
