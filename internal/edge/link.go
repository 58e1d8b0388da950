package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"offshoot/internal/staging"
)

// LinkTarget is where a link leads: to a host of this edge, or to a URL
// elsewhere. With neither it leads nowhere, and Reason says why.
type LinkTarget struct {
	Host   string
	URL    string
	Reason string
}

// Links are listeners, one a link, through which the workloads of one environment
// reach another, and doors, through which they reach it by name. Where a link leads is asked for when it is
// used and remembered until Forget, so that switching it restarts nothing. All
// methods are safe for concurrent use.
type Links struct {
	edge  *Edge
	crowd *Crowd
	find  func(ctx context.Context, link string) (LinkTarget, error)
	log   *slog.Logger

	mu      sync.Mutex
	open    map[string]*http.Server
	targets map[string]LinkTarget
	// forgotten counts Forget: an answer from before one is not kept.
	forgotten int
}

// findLimit bounds finding out where a link leads.
const findLimit = 5 * time.Second

// NewLinks has no listener yet. find is asked where a link leads by its ledger
// name.
func NewLinks(edge *Edge, crowd *Crowd, find func(ctx context.Context, link string) (LinkTarget, error), log *slog.Logger) *Links {
	return &Links{edge: edge, crowd: crowd, find: find, log: log, open: map[string]*http.Server{}, targets: map[string]LinkTarget{}}
}

// Open listens for a link at an address, or does nothing where it does.
func (l *Links) Open(link, address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[link] != nil {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	l.open[link] = l.answer(func(w http.ResponseWriter, r *http.Request) { l.serve(w, r, link) }, link, listener)
	return nil
}

// answer lets a handler answer what comes to listeners.
func (l *Links) answer(handle http.HandlerFunc, name string, listeners ...net.Listener) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handle, Protocols: protocols,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ConnState: l.crowd.State, ErrorLog: slog.NewLogLogger(l.log.Handler(), slog.LevelDebug)}
	for _, listener := range listeners {
		go func() {
			if err := server.Serve(l.crowd.Listener(listener)); !errors.Is(err, http.ErrServerClosed) {
				l.log.Warn("link", "link", name, "error", err)
			}
		}()
	}
	return server
}

// IsOpen is whether a link or door is listened for.
func (l *Links) IsOpen(link string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[link] != nil
}

// Close ends a link or door with the requests on it.
func (l *Links) Close(link string) error {
	l.mu.Lock()
	server := l.open[link]
	delete(l.open, link)
	delete(l.targets, link)
	l.mu.Unlock()
	if server == nil {
		return nil
	}
	return server.Close()
}

// Forget lets every link ask again where it leads.
func (l *Links) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.targets)
	l.forgotten++
}

// Stop closes all.
func (l *Links) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for link, server := range l.open {
		_ = server.Close()
		delete(l.open, link)
	}
}

func (l *Links) target(ctx context.Context, link string) (LinkTarget, error) {
	l.mu.Lock()
	t, ok := l.targets[link]
	asked := l.forgotten
	l.mu.Unlock()
	if ok {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, findLimit)
	defer cancel()
	t, err := l.find(ctx, link)
	if err == nil {
		l.mu.Lock()
		// Of names that a workload makes up none is kept.
		if leads := t.Host != "" || t.URL != ""; asked == l.forgotten && (leads || l.open[link] != nil) {
			l.targets[link] = t
		}
		l.mu.Unlock()
	}
	return t, err
}

// serve passes a request on as if it had come for the other's own host, so
// that it wakes the other side and counts as its activity.
func (l *Links) serve(w http.ResponseWriter, r *http.Request, link string) {
	t, err := l.target(r.Context(), link)
	switch {
	case err != nil:
		nowhere("where the link leads cannot be told: "+err.Error()).write(w, r)
	case t.Host != "":
		r.Host = t.Host
		l.edge.ServeHTTP(w, r)
	case t.URL != "":
		l.elsewhere(w, r, t.URL)
	default:
		nowhere(t.Reason).write(w, r)
	}
}

func (l *Links) elsewhere(w http.ResponseWriter, r *http.Request, address string) {
	to, err := url.Parse(address)
	if err != nil {
		nowhere("its URL cannot be read").write(w, r)
		return
	}
	(&httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(to) },
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			answer{status: http.StatusBadGateway, code: staging.CodeUnreachable, title: "No answer", detail: "the link's URL does not answer", hint: "is " + to.Host + " up?"}.write(w, r)
		},
	}).ServeHTTP(w, r)
}

func nowhere(reason string) answer {
	return answer{status: http.StatusServiceUnavailable, code: staging.CodeNotFound, title: "A link that leads nowhere", detail: reason,
		hint: "offshoot link ENV NAME=ENV points it somewhere"}
}
