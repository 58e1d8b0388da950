package edge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// proxy forwards to upstreams over shared connections.
type proxy struct {
	reverse *httputil.ReverseProxy
}

type upstreamKey struct{}

const bufferSize = 32 << 10

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if v, ok := b.pool.Get().(*[]byte); ok {
		return *v
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(v []byte) { b.pool.Put(&v) }

func newProxy() *proxy {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 512, IdleConnTimeout: 30 * time.Second, DisableCompression: true, Protocols: protocols,
		ExpectContinueTimeout: time.Second,
	}
	grpc := &http.Protocols{}
	grpc.SetUnencryptedHTTP2(true)
	h2 := &http.Transport{DialContext: transport.DialContext, Protocols: grpc, DisableCompression: true, IdleConnTimeout: 30 * time.Second}
	return &proxy{reverse: &httputil.ReverseProxy{
		Rewrite: rewrite, Transport: byProtocol{transport, h2}, FlushInterval: -1, BufferPool: &buffers{},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.Canceled) {
				w.WriteHeader(499) // the client is gone; nobody reads it
				return
			}
			problem(w, r, http.StatusBadGateway, "unavailable", "the service does not answer", "look at `offshoot logs`")
		},
	}}
}

// byProtocol speaks HTTP/2 in the clear to gRPC services alone.
type byProtocol struct{ h1, h2 http.RoundTripper }

func (b byProtocol) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		return b.h2.RoundTrip(r)
	}
	return b.h1.RoundTrip(r)
}

func (p *proxy) to(w http.ResponseWriter, r *http.Request, upstream string) {
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), upstreamKey{}, upstream)))
}

func rewrite(r *httputil.ProxyRequest) {
	upstream, _ := r.In.Context().Value(upstreamKey{}).(string)
	r.Out.URL = &url.URL{Scheme: "http", Host: upstream, Path: r.In.URL.Path, RawPath: r.In.URL.RawPath, RawQuery: r.In.URL.RawQuery}
	r.Out.Host = r.In.Host
	for name := range r.Out.Header {
		if ours(name) {
			delete(r.Out.Header, name)
		}
	}
	r.SetXForwarded()
	if ip, _, err := net.SplitHostPort(r.In.RemoteAddr); err == nil {
		r.Out.Header.Set("X-Real-Ip", ip)
	}
}

// ours are headers that the edge alone may set, in every spelling that a
// framework could take for them.
func ours(name string) bool {
	n := strings.ReplaceAll(strings.ToLower(name), "_", "-")
	switch n {
	case "forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "x-original-host", "x-original-url", "x-rewrite-url", "x-cluster-client-ip":
		return true
	}
	return strings.HasPrefix(n, "x-forwarded") || strings.HasPrefix(n, "x-offshoot")
}
