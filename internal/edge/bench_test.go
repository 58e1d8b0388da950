package edge_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"offshoot/internal/edge"
)

// The peers are told apart by the handler alone: the same server, upstream,
// client and transport settings.

func BenchmarkEdge(b *testing.B)           { benchmark(b, hosts(b, 1)) }
func BenchmarkEdge10000Hosts(b *testing.B) { benchmark(b, hosts(b, 10_000)) }

func BenchmarkBareReverseProxy(b *testing.B) {
	to, _ := url.Parse("http://" + quick(b))
	tr := &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, MaxIdleConnsPerHost: 512, DisableCompression: true}
	b.Cleanup(tr.CloseIdleConnections)
	benchmark(b, &httputil.ReverseProxy{Transport: tr, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}})
}

// BenchmarkPut is a redeploy beside 10,000 hosts, BenchmarkPutNewHost a new
// environment.
func BenchmarkPut(b *testing.B) {
	e := hosts(b, 10_000)
	r := route("127.0.0.1:1")
	for b.Loop() {
		e.Put(r)
	}
}

func BenchmarkPutNewHost(b *testing.B) {
	e := hosts(b, 10_000)
	r := route("127.0.0.1:1")
	for b.Loop() {
		e.Put(r)
		e.Remove(r.Environment)
	}
}

func quick(b *testing.B) string {
	return upstream(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Hello, World!") })
}

// hosts is an edge with n environments; all of them have the same upstream.
func hosts(b *testing.B, n int) *edge.Edge {
	e := made(b, nil)
	up := quick(b)
	routes := make([]edge.Route, n)
	for i := range routes {
		routes[i] = route(up)
		routes[i].Environment = fmt.Sprintf("env_%d", i)
		if i > 0 {
			routes[i].Hosts = map[string]edge.Target{fmt.Sprintf("branch-%d.shop.localhost", i): {Service: "web", Upstreams: []string{up}}}
		}
	}
	e.Load(routes)
	return e
}

func benchmark(b *testing.B, h http.Handler) {
	s := httptest.NewServer(h)
	b.Cleanup(s.Close)
	tr := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	b.Cleanup(tr.CloseIdleConnections)
	c := &http.Client{Transport: tr}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		r := request(b, http.MethodGet, s.Listener.Addr().String(), "/", nil)
		for pb.Next() {
			resp, err := c.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
}
