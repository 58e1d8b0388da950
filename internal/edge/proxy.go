package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"offshoot/internal/staging"
)

const (
	bufferSize = 32 << 10
	dialLimit  = 5 * time.Second
	// idleUpstream is shorter than the servers of common frameworks keep a
	// connection that nobody uses (2 s is the shortest usual): the edge closes
	// first, so no request meets a connection that is just being closed.
	idleUpstream = 1500 * time.Millisecond
	// idlePerUpstream bounds the connections kept to one upstream.
	idlePerUpstream = 512
	// maxAnswerHeaders bounds the headers of one answer: they are held in memory
	// until the last has come.
	maxAnswerHeaders = 1 << 20
)

// proxy forwards to upstreams over shared connections.
type proxy struct {
	reverse *httputil.ReverseProxy
	h1, h2  *http.Transport
	scheme  string
}

// flight is one request on its way.
type flight struct {
	gate       *gate
	generation *generation
	target     *target
	// counted is whether it is a person's or a test's.
	counted bool
}

type flightKey struct{}

func flightOf(r *http.Request) *flight {
	f, _ := r.Context().Value(flightKey{}).(*flight)
	return f
}

type pool struct{ free sync.Pool }

func (b *pool) Get() []byte {
	if v, ok := b.free.Get().(*[]byte); ok {
		return *v
	}
	return make([]byte, bufferSize)
}

func (b *pool) Put(v []byte) { b.free.Put(&v) }

func newProxy(scheme string) *proxy {
	transport := func(set func(*http.Protocols)) *http.Transport {
		protocols := &http.Protocols{}
		set(protocols)
		return &http.Transport{
			DialContext: (&net.Dialer{Timeout: dialLimit}).DialContext, Protocols: protocols, DisableCompression: true,
			MaxIdleConnsPerHost: idlePerUpstream, IdleConnTimeout: idleUpstream, ExpectContinueTimeout: time.Second,
			MaxResponseHeaderBytes: maxAnswerHeaders,
		}
	}
	p := &proxy{scheme: scheme, h1: transport(func(p *http.Protocols) { p.SetHTTP1(true) }),
		h2: transport(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })}
	p.reverse = &httputil.ReverseProxy{Rewrite: p.rewrite, Transport: balance{p.h1, p.h2}, ModifyResponse: answered, BufferPool: &pool{},
		ErrorHandler: broken, ErrorLog: silent()}
	return p
}

func (p *proxy) close() {
	p.h1.CloseIdleConnections()
	p.h2.CloseIdleConnections()
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request, f *flight) {
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), flightKey{}, f)))
}

func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL = &url.URL{Scheme: "http", Path: r.In.URL.Path, RawPath: r.In.URL.RawPath, RawQuery: r.In.URL.RawQuery}
	r.Out.Host = r.In.Host
	r.Out.Trailer = r.In.Trailer // the server fills it in at the end of the body
	if r.Out.Body != nil {
		r.Out.Body = &kept{r.Out.Body, r.In.ContentLength, r.In.Context().Done()}
	}
	forwarded(r, p.scheme)
}

// kept is a request's body that a failed dial does not close: it goes to the
// next upstream unread. The server closes it when the request ends.
//
// A body of known length ends without another read: the server closes bodies
// as soon as the answer begins, an upstream may answer as soon as it has the
// last byte, and a transport that then looks for the end finds an error and
// cuts the answer off. For the same reason a body that the server has closed,
// because an upstream answers without reading it, is silent until the request
// ends.
type kept struct {
	body io.Reader
	left int64 // negative where the length is not known
	done <-chan struct{}
}

func (k *kept) Read(p []byte) (int, error) {
	if k.left == 0 {
		return 0, io.EOF
	}
	n, err := k.body.Read(p)
	if errors.Is(err, http.ErrBodyReadAfterClose) {
		<-k.done
	}
	if k.left > 0 {
		k.left = max(0, k.left-int64(n))
		if k.left == 0 && err == nil {
			err = io.EOF
		}
	}
	return n, err
}

func (*kept) Close() error { return nil }

// answered looks at an upstream's answer before it is passed on.
func answered(res *http.Response) error {
	if !loopback(res.Request.Host) {
		res.Header.Set("X-Robots-Tag", "noindex, nofollow")
	}
	watch(res, flightOf(res.Request))
	return nil
}

// broken answers for an upstream that did not.
func broken(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		w.WriteHeader(499) // the client is gone; nobody reads it
		return
	}
	service := flightOf(r).target.service
	a := answer{status: http.StatusBadGateway, code: staging.CodeUnreachable, title: "The service does not answer",
		detail: "the service " + service + " does not answer", hint: "its last words: offshoot logs ENV " + service, environment: flightOf(r).gate.environment}
	if !undialled(err) {
		a.detail = "the service " + service + " broke off before it had answered"
	}
	a.write(w, r)
}

// loopback is whether a host name never leaves this machine.
func loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || net.ParseIP(strings.Trim(name, "[]")).IsLoopback()
}
