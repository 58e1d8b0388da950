package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"offshoot/internal/edge"
	"offshoot/internal/staging"
)

const (
	manyHosts   = 10_000
	connections = 64
	roundFor    = 2 * time.Second
)

// proxying measures requests a second through the edge with one host and with
// many, and through Go's own proxy, in turns. Client, proxy and service share
// this process and its processors.
func proxying(ctx context.Context, h *host, r *report) error {
	service, err := listen(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello, world\n") }))
	if err != nil {
		return err
	}
	defer service.close()
	bare, err := listen(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: service.at})
		p.SetXForwarded()
	}})
	if err != nil {
		return err
	}
	defer bare.close()
	one, err := listen(edgeWith(1, service.at))
	if err != nil {
		return err
	}
	defer one.close()
	many, err := listen(edgeWith(manyHosts, service.at))
	if err != nil {
		return err
	}
	defer many.close()
	var single, crowd, plain []float64
	for i := range h.runs + 1 {
		for _, x := range []struct {
			at   string
			into *[]float64
		}{{bare.at, &plain}, {one.at, &single}, {many.at, &crowd}} {
			n, err := load(ctx, x.at)
			if err != nil {
				return err
			}
			if i > 0 {
				*x.into = append(*x.into, n)
			}
		}
	}
	r.add("edge, one host", "requests/s", single).against("bare ReverseProxy", plain)
	f := r.add(fmt.Sprintf("edge, %d hosts", manyHosts), "requests/s", crowd).against("one host", single)
	f.Bound, f.AtLeast = median(single)*0.95, true
	return nil
}

func edgeWith(hosts int, upstream string) http.Handler {
	e := edge.New(edge.Config{Wake: func(string) {}})
	var routes []edge.Route
	for i := range hosts {
		name := fmt.Sprintf("b%d.shop.localhost", i)
		routes = append(routes, edge.Route{Environment: fmt.Sprintf("env_%d", i), Phase: staging.PhaseReady,
			Hosts: map[string]edge.Target{name: {Service: "web", Upstreams: []string{upstream}}}})
	}
	e.Load(routes)
	return e
}

type listening struct {
	at     string
	server *http.Server
}

func listen(handler http.Handler) (*listening, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }()
	return &listening{l.Addr().String(), s}, nil
}

func (l *listening) close() { _ = l.server.Close() }

// load asks as fast as it can for a while, over as many connections, and
// answers the requests a second.
func load(ctx context.Context, at string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, roundFor)
	defer cancel()
	transport := &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}
	defer transport.CloseIdleConnections()
	var all sync.WaitGroup
	var done atomic.Int64
	failed := make(chan error, connections)
	begin := time.Now()
	for range connections {
		all.Go(func() {
			for ctx.Err() == nil {
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/", nil)
				if err != nil {
					failed <- err
					return
				}
				r.Host = "b0.shop.localhost"
				resp, err := transport.RoundTrip(r)
				if err != nil {
					if ctx.Err() == nil {
						failed <- err
					}
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				if err = errors.Join(err, resp.Body.Close()); err != nil && ctx.Err() == nil {
					failed <- err
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
		return float64(done.Load()) / time.Since(begin).Seconds(), nil
	}
}
